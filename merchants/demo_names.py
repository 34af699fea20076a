"""Words from which demonstration merchants are made. No real business is meant."""

from typing import Any

PLACES = [("26100", "Romans-sur-Isère"), ("26300", "Bourg-de-Péage")]
STREETS = {
    "26100": [
        "rue Jacquemart", "côte Jacquemart", "place Jean Jaurès", "avenue Gambetta",
        "rue Pêcherie", "rue Félix Faure", "place Jules Nadi",
        "rue Mathieu de la Drôme", "rue Saint-Nicolas", "place Ernest Gailly", "quai Dauphin", "boulevard Gabriel Péri",
        "avenue Victor Hugo",
        "rue de la République", "place Maurice Faure", "rue du Mouton", "avenue Jean Moulin", "rue de l'Écosserie", "boulevard Voltaire",
    ],
    "26300": [
        "grande rue Jean Jaurès", "rue du Docteur Eynard", "boulevard Alpes-Provence", "place Delay-d'Agier", "rue de la République",
        "avenue Pierre Benoit", "rue Carnot", "allée de Provence", "avenue de la Gare", "rue du Vercors", "quai Sainte-Claire",
    ],
}  # fmt: skip
SIGNS = [
    "du Jacquemart", "des Trois Ponts", "du Vieux Pont", "de la Presle", "des Tanneurs", "du Vercors", "de l'Isère", "des Cordeliers",
    "du Chapitre", "de la Tour", "des Balmes", "du Martinet", "de la Savasse", "des Allées", "du Champ de Mars", "de Pisançon",
    "des Quatre Vents", "du Rempart", "de la Collégiale", "des Lilas", "du Bac", "de la Monnaie", "des Cerisiers", "du Petit Jour",
]  # fmt: skip
OWNERS = [
    "Chabert", "Reynaud", "Vial", "Morin", "Bonnet", "Ageron", "Fayolle", "Sauvajon", "Terrail", "Brun", "Gauthier", "Mazet", "Rey",
    "Belle", "Charve", "Poncet", "Giraud", "Marion", "Blache", "Tardy", "Perrier", "Roux", "Faure", "Lambert", "Bouvier", "Duc",
]  # fmt: skip


def percent(title: str, off: int, **more: Any) -> dict[str, Any]:
    return {"kind": "percent", "title": title, "percent": off, **more}


def fixed(title: str, cents: int, minimum: int, **more: Any) -> dict[str, Any]:
    return {"kind": "fixed", "title": title, "amount_cents": cents, "min_spend_cents": minimum, **more}


def gift(title: str, what: str, **more: Any) -> dict[str, Any]:
    return {"kind": "gift", "title": title, "gift": what, **more}


# slug: French name, English name, names of shops, ideas of offers
CATEGORIES: dict[str, tuple[str, str, list[str], list[dict[str, Any]]]] = {
    "chaussure": (
        "Chaussures et cuir", "Shoes and leather",
        ["Cordonnerie {sign}", "Maison {owner}, bottier", "Chaussures {owner}", "L'Atelier cuir {sign}"],
        [percent("10 % sur toutes les chaussures", 10, description="Hors soldes et promotions."),
         fixed("5 € sur un ressemelage", 500, 2500, per_person_limit=4, period="year"),
         gift("Un cirage offert", "un cirage incolore", min_spend_cents=6000, per_person_limit=1, period="month"),
         percent("20 % sur la maroquinerie de l'atelier", 20, cap_cents=3000)],
    ),
    "boulangerie": (
        "Boulangerie et pâtisserie", "Bakery",
        ["Boulangerie {sign}", "Au Fournil {sign}", "Pâtisserie {owner}", "Les Pains de {owner}"],
        [gift("Une pogne individuelle offerte", "une pogne individuelle", min_spend_cents=1200, per_person_limit=1, period="week"),
         percent("5 % sur tout le magasin", 5), gift("Le café avec le petit déjeuner", "un café", per_person_limit=1, period="day"),
         percent("10 % sur les gâteaux à partager", 10, min_spend_cents=2000)],
    ),
    "restaurant": (
        "Restaurants et cafés", "Restaurants and cafés",
        ["Le Bistrot {sign}", "La Table {sign}", "Chez {owner}", "Le Café {sign}", "Raviolerie {sign}"],
        [percent("10 % sur l'addition", 10, cap_cents=1500, description="Boissons comprises."),
         gift("Un café offert avec le menu", "un café par menu", min_spend_cents=1500, per_person_limit=1, period="day"),
         percent("15 % l'après-midi", 15, happy=True), fixed("8 € dès 50 € de repas", 800, 5000)],
    ),
    "alimentation": (
        "Alimentation et caves", "Food and wine",
        ["Cave {sign}", "Primeurs {owner}", "Fromagerie {sign}", "Boucherie {owner}", "L'Épicerie {sign}"],
        [percent("5 % sur les produits de la Drôme", 5), fixed("4 € dès 40 € d'achat", 400, 4000),
         gift("Un picodon offert", "un picodon", min_spend_cents=2500, per_person_limit=1, period="month"),
         percent("10 % sur les vins par six", 10, cap_cents=2500)],
    ),
    "mode": (
        "Vêtements", "Clothes",
        ["Boutique {sign}", "{owner} Prêt-à-porter", "Friperie {sign}", "Mercerie {owner}"],
        [percent("10 % toute l'année", 10, description="Hors soldes."), fixed("10 € dès 80 € d'achat", 1000, 8000),
         percent("20 % le mardi et le mercredi", 20, weekdays=0b0000110, cap_cents=4000)],
    ),
    "sport": (
        "Sport et vélo", "Sport and bicycles",
        ["Cycles {owner}", "Vélos {sign}", "Sport {sign}", "L'Échappée {sign}"],
        [percent("10 % sur les accessoires", 10), fixed("15 € sur une révision", 1500, 6000, per_person_limit=2, period="year"),
         gift("Un gonflage et un contrôle offerts", "un contrôle de sécurité", per_person_limit=2, period="year")],
    ),
    "culture": (
        "Livres, jeux et loisirs", "Books, games and leisure",
        ["Librairie {sign}", "La Caverne à jeux {sign}", "Papeterie {owner}", "Le Cinéma {sign}"],
        [percent("5 % sur les livres", 5), percent("10 % sur les jeux", 10, min_spend_cents=2000),
         gift("Un marque-page illustré", "un marque-page", min_spend_cents=1500),
         fixed("2 € sur l'entrée", 200, 700, per_person_limit=4, period="month")],
    ),
    "beaute": (
        "Coiffure et beauté", "Hair and beauty",
        ["Coiffure {owner}", "Le Salon {sign}", "Institut {sign}", "Barbier {sign}"],
        [percent("15 % en semaine", 15, weekdays=0b0011110), fixed("6 € sur une coupe", 600, 2500, per_person_limit=1, period="month"),
         gift("Un soin express offert", "un soin express", min_spend_cents=4500, per_person_limit=2, period="year")],
    ),
    "maison": (
        "Maison et jardin", "House and garden",
        ["Quincaillerie {owner}", "Fleurs {sign}", "Pépinière {owner}", "Literie {sign}", "Lumière {sign}"],
        [percent("10 % sur tout le magasin", 10, cap_cents=5000), fixed("5 € dès 50 € d'achat", 500, 5000),
         gift("Une rose offerte", "une rose", min_spend_cents=1500, per_person_limit=1, period="week")],
    ),
    "sante": (
        "Optique et bien-être", "Optics and well-being",
        ["Optique {owner}", "Audition {sign}", "Yoga {sign}", "Herboristerie {sign}"],
        [percent("15 % sur les montures", 15, cap_cents=6000), fixed("20 € dès 150 € d'achat", 2000, 15000),
         gift("Une séance d'essai offerte", "une séance d'essai", per_person_limit=1, period="ever", stock=200)],
    ),
    "auto": (
        "Garages et mobilité", "Garages and mobility",
        ["Garage {owner}", "Pneus {sign}", "Lavage {sign}", "Auto-école {sign}"],
        [percent("10 % sur la main-d'œuvre", 10, cap_cents=8000),
         gift("Un contrôle de 15 points offert", "un contrôle de 15 points", per_person_limit=1, period="year"),
         fixed("10 € sur une vidange", 1000, 7000, per_person_limit=2, period="year")],
    ),
    "services": (
        "Réparation et services", "Repairs and services",
        ["Pressing {sign}", "Couture {owner}", "Serrurerie {owner}", "Mobiles {sign}", "Imprimerie {owner}"],
        [percent("10 % sur les réparations", 10), fixed("3 € dès 20 €", 300, 2000, per_person_limit=4, period="month"),
         percent("20 % sur la deuxième pièce", 20, cap_cents=1000)],
    ),
}  # fmt: skip
