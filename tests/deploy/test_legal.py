"""The pages the law asks for."""

import re

import pytest

from benefit_card.services import retention

PAGES = ["/legal/", "/legal/data/", "/legal/terms/", "/legal/accessibility/"]


def read(client, path, language="fr"):
    client.cookies["language"] = language
    return " ".join(re.sub(r"<[^>]+>", " ", client.get(path).content.decode()).split())


@pytest.mark.django_db
class TestTheLegalPages:
    def test_are_a_step_away_from_every_page(self, client):
        page = client.get("/").content.decode()
        assert all(f'href="{path}"' in page for path in PAGES)

    def test_name_publisher_director_and_host(self, client, settings):
        settings.PUBLISHER = {
            "director": "Le bureau",
            "email": "bureau@erb.example",
            "privacy": "dpo@erb.example",
            "phone": "0475000000",
            "host": {"name": "Serveurs du Pôle", "address": "1 quai de l’Isère", "phone": ""},
        }
        page = read(client, "/legal/")
        wanted = ["Le bureau", "bureau@erb.example", "0475000000", "Serveurs du Pôle", "1 quai de l’Isère"]
        assert all(word in page for word in [*wanted, *(settings.SELLER[key] for key in ("name", "street", "siren"))])

    def test_tell_the_periods_that_the_night_job_keeps(self, client, monkeypatch):
        assert "24 mois avec votre nom" in read(client, "/legal/data/")
        monkeypatch.setattr(retention, "IDENTIFIED", retention.IDENTIFIED / 2)
        assert "12 mois avec votre nom" in read(client, "/legal/data/")

    def test_name_who_works_for_the_association(self, client, settings):
        settings.PROCESSORS = [{"name": "Poste", "does": "lettres", "does_en": "letters", "where": "France"}]
        assert "lettres" in read(client, "/legal/data/") and "letters" in read(client, "/legal/data/", "en")

    def test_tell_merchants_how_offers_are_put_in_order_and_why_one_is_suspended(self, client):
        page = read(client, "/legal/terms/", "en")
        assert "Nobody can pay for a better place" in page and "The reason is sent in writing" in page
