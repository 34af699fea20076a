"""What the shell shows around a page: whom one acts for, and the places to go there."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from companies.models import Role
from companies.shell import Place, Scope, company_scopes

Names = list[tuple[str, str, str, frozenset[str]]]


def _company_places() -> Names:
    everybody = frozenset(Role.values)
    return [
        ("home_company", _("Home"), "house", everybody),
        ("purchasing:request_list", _("Requests"), "clipboard-list", frozenset({"buyer", "approver"})),
        ("purchasing:pool_list", _("Pooled orders"), "users", frozenset({"buyer", "approver"})),
        ("purchasing:delivery_list", _("Deliveries"), "truck", frozenset({"buyer"})),
        ("purchasing:company_frameworks", _("Agreements"), "handshake", frozenset({"buyer", "approver"})),
        ("purchasing:exchange", _("Exchange"), "package-open", frozenset({"buyer", "approver"})),
        ("purchasing:budget_list", _("Budgets"), "wallet", frozenset({"approver", "accountant", "admin"})),
        ("companies:employee_list", _("Employees"), "contact", frozenset({"hr", "admin"})),
        ("benefit_card:company_cards", _("Cards"), "id-card", frozenset({"hr", "admin"})),
        ("benefit_card:company_use", _("Use of the card"), "chart-column", frozenset({"hr", "admin"})),
        ("purchasing:company_employee_pools", _("Group purchases"), "shopping-basket", frozenset({"hr", "admin"})),
        ("companies:group_list", _("Meetings"), "calendar-days", everybody),
        ("billing:invoice_list", _("Invoices"), "receipt-text", frozenset({"accountant", "admin"})),
        ("billing:desk", _("Accounts"), "wallet", frozenset({"accountant"})),
        ("companies:role_list", _("Roles"), "key-round", frozenset({"admin"})),
        ("companies:settings", _("Company"), "building-2", frozenset({"hr", "admin"})),
    ]


def _staff_places() -> Names:
    staff = frozenset({"staff"})
    return [
        ("home_staff", _("Home"), "house", staff),
        ("purchasing:staff_pool_list", _("Pooled orders"), "users", staff),
        ("purchasing:framework_list", _("Agreements"), "handshake", staff),
        ("purchasing:employee_pools", _("Employees' purchases"), "shopping-basket", staff),
        ("purchasing:catalogue", _("Catalogue"), "book-open", staff),
        ("purchasing:staff_exchange", _("Exchange"), "package-open", staff),
        ("companies:company_list", _("Companies"), "factory", staff),
        ("companies:group_list", _("Meetings"), "calendar-days", staff),
        ("merchants:staff_list", _("Merchants"), "store", staff),
        ("billing:staff_invoices", _("Invoices"), "receipt-text", staff),
        ("billing:inbox", _("Received invoices"), "inbox", staff),
        ("billing:bank", _("Bank"), "landmark", staff),
        ("billing:collection", _("Collection"), "wallet", staff),
        ("billing:books", _("Books"), "book-open", staff),
        ("benefit_card:staff_use", _("Use of the card"), "chart-column", staff),
        ("benefit_card:signals", _("Signals"), "siren", staff),
        ("benefit_card:staff_late", _("Late sales"), "wifi-off", staff),
        ("benefit_card:staff_statements", _("Statements"), "file-text", staff),
        ("benefit_card:staff_retention", _("Privacy"), "shield-check", staff),
    ]


def _merchant_places() -> Names:
    owner = frozenset({"owner"})
    return [
        ("merchants:home", _("Home"), "house", owner),
        ("merchants:offer_list", _("Offers"), "tag", owner),
        ("merchants:till_list", _("Tills"), "scan-qr-code", owner),
        ("benefit_card:merchant_today", _("Today"), "list-checks", owner),
        ("benefit_card:statements", _("Statements"), "file-text", owner),
        ("benefit_card:merchant_late", _("Without network"), "wifi-off", owner),
        ("benefit_card:merchant_visits", _("Visits"), "chart-column", owner),
    ]


def _person_places() -> Names:
    holder = frozenset({"self"})
    return [
        ("benefit_card:card", _("My card"), "id-card", holder),
        ("merchants:offers", _("Offers"), "tag", holder),
        ("purchasing:my_pools", _("Group purchases"), "shopping-basket", holder),
        (
            "benefit_card:my_redemptions",
            _("History"),
            "history",
            holder,
        ),  # which leads to "My data", as each page's menu
    ]


BY_KIND: dict[str, tuple[Callable[[], Names], str]] = {
    "company": (_company_places, "factory"),
    "staff": (_staff_places, "landmark"),
    "merchant": (_merchant_places, "store"),
    "person": (_person_places, "id-card"),
}


def scopes_of(user: Any) -> list[Scope]:
    """Everything a person acts for: the association, companies, merchants, and their own card."""
    scopes = company_scopes(user)
    scopes += _merchant_scopes(user)
    if hasattr(user, "person"):
        scopes.append(Scope("person", user.person.pk, _("My card"), frozenset({"self"}), reverse("home_person")))
    return scopes


def _merchant_scopes(user: Any) -> list[Scope]:
    try:
        from merchants.models import MerchantRole
    except ImportError:
        return []
    rows = MerchantRole.objects.filter(user=user).select_related("merchant").order_by("merchant__name")
    return [
        Scope(
            "merchant",
            row.merchant_id,
            row.merchant.name,
            frozenset({"owner"}),
            reverse("home_merchant", args=[row.merchant_id]),
        )
        for row in rows
    ]


def _detail(scope: Scope) -> str:
    if scope.kind == "company":
        return ", ".join(str(Role(role).label) for role in Role.values if role in scope.roles)
    return {"staff": _("Association staff"), "merchant": _("Merchant"), "person": _("Employee")}[scope.kind]


def _current(request: HttpRequest, scopes: list[Scope]) -> Scope | None:
    """The scope of the page's address, else the one used last, else the first."""
    match = request.resolver_match
    kwargs = match.kwargs if match else {}
    wanted: tuple[str, int] | None = None
    if "company" in kwargs:
        wanted = ("company", int(kwargs["company"]))
    elif "merchant" in kwargs:
        wanted = ("merchant", int(kwargs["merchant"]))
    elif request.path.startswith("/erb/"):
        wanted = ("staff", 0)
    elif request.path.startswith(("/me/", "/card/")):
        wanted = ("person", -1)
    remembered = request.session.get("scope")
    wanted = wanted or (tuple(remembered) if remembered else None)
    for scope in scopes:
        if wanted and scope.kind == wanted[0] and (scope.id == wanted[1] or wanted[1] == -1):
            if remembered != [scope.kind, scope.id]:
                request.session["scope"] = [scope.kind, scope.id]
            return scope
    return scopes[0] if scopes else None


def _places(scope: Scope) -> list[Place]:
    names, _icon = BY_KIND[scope.kind]
    places = []
    for name, label, icon, roles in names():
        if scope.roles.isdisjoint(roles):
            continue
        for args in ([scope.id], []):
            try:
                places.append(Place(label, reverse(name, args=args), icon))
            except NoReverseMatch:
                continue
            break
    return places


# Pages that are no place of their own, and the places, best first, where one finds the way to them.
BESIDE = {
    "approvals": ("requests",),
    "card": ("card",),
    "cashiers": ("tills",),
    "claims": ("deliveries", "pools"),
    "data": ("redemptions",),
    "figures": ("today",),
    "hand-overs": ("deliveries", "pools"),
    "needs": ("requests",),
    "orders": ("deliveries", "pools"),
    "payments": ("invoices",),
    "recurring": ("requests",),
    "savings": ("pools",),
    "shops": ("tills",),
    "supplier-invoices": ("pools",),
    "suppliers": ("catalogue",),
}


def _here(path: str, places: list[Place]) -> str:
    """The place a page belongs to; a home, whose address all of its pages begin with, only when it is the page."""
    fitting = [
        place.url for place in places if path == place.url or (place.icon != "house" and path.startswith(place.url))
    ]
    if fitting:
        return max(fitting, key=len)
    parts = path.strip("/").split("/")
    wanted = [f"/{name}/" for part in parts for name in BESIDE.get(part, ())]
    return next((place.url for end in wanted for place in places if place.url.endswith(end)), "")


IN_THE_BAR = 4  # entries of a phone's bottom bar (look.md); with more places, the last is a menu of the others


def _in_the_bar(places: list[Place]) -> int:
    """How many places stand in the bar itself."""
    return len(places) if len(places) <= IN_THE_BAR else IN_THE_BAR - 1


def _shell(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"scopes": [], "places": []}
    scopes = scopes_of(user)
    scope = _current(request, scopes)
    places = _places(scope) if scope else []
    return {
        "scopes": [{"name": s.name, "url": s.url, "detail": _detail(s)} for s in scopes],
        "scope": scope,
        "scope_name": scope.name if scope else "",
        "scope_url": scope.url if scope else "",
        "scope_icon": BY_KIND[scope.kind][1] if scope else "user",
        "places": places,
        "others": places[_in_the_bar(places) :],
        "here": _here(request.path, places),
    }


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor; computed only when a template draws the shell."""
    by_text = reverse("benefit_card:text_sign_in") if settings.SMS_GATEWAY_URL else ""
    return {"shell": SimpleLazyObject(lambda: _shell(request)), "demo": settings.DEMO, "text_sign_in": by_text}
