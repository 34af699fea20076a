"""How one signs in to the demo as each role, and the page that shows its mails. Only routed when DEMO is on."""

from dataclasses import dataclass

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from companies.models import Company, Membership, Role, StaffRole, User
from deploy.standalone import mailbox

SALT = "demo-sign-in"


@dataclass(frozen=True)
class Door:
    """One row of the table: who, where, and the signed token of the link."""

    label: str
    name: str
    detail: str
    token: str

    @property
    def path(self) -> str:
        return reverse("demo:enter", args=[self.token])


def _door(label: object, user: User, detail: object = "") -> Door:
    return Door(str(label), str(user), str(detail), signing.dumps(user.pk, salt=SALT))


def doors() -> list[Door]:
    """One door per role: the association's staff, one company's desks, an employee, a merchant."""
    found = [
        _door(_("Association staff"), row.user, detail)
        for row, detail in zip(
            StaffRole.objects.select_related("user").order_by("pk"), ["ERB", _("second person")], strict=False
        )
    ]
    first = Company.objects.order_by("pk").first()
    second = Company.objects.order_by("pk")[1:2]
    for company in [first, *second] if first else []:
        for role in Role:
            row = Membership.objects.filter(company=company, role=role).select_related("user").order_by("pk").first()
            if row is not None and (company == first or role in {Role.BUYER, Role.APPROVER}):
                found.append(_door(role.label, row.user, company.name))
    employees = User.objects.filter(person__isnull=False).order_by("pk")[:2]
    for employee, detail in zip(employees, [_("with a card"), _("whose card ends soon")], strict=False):
        found.append(_door(_("Employee"), employee, detail))
    from merchants.models import MerchantRole

    owner = MerchantRole.objects.select_related("user", "merchant").order_by("pk").first()
    if owner is not None:
        found.append(_door(_("Merchant"), owner.user, owner.merchant.name))
    return found


def table(base: str) -> list[str]:
    """The lines `make demo` prints, in English like every other line of the terminal."""
    with translation.override("en"):
        rows = doors()
    width = max((len(f"{door.label}, {door.detail}") for door in rows), default=20)
    lines = [f"  {f'{door.label}, {door.detail}':<{width}}  {base}{door.path}" for door in rows]
    return [
        "Sign in as:",
        *lines,
        f"  {'Till of a shop':<{width}}  {base}{reverse('demo:till')}",
        f"All of these on one page: {base}{reverse('demo:index')}",
        f"Mails the product sent (supplier links too): {base}{reverse('demo:mails')}",
        "Stop with Ctrl-C; the next start resumes where you were.",
    ]


@login_not_required
def index(request: HttpRequest) -> HttpResponse:
    """Every door on one page."""
    return render(request, "demo/index.html", {"doors": doors()})


@login_not_required
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in as somebody of the demo; the link stands for the code and for the second factor."""
    try:
        user = User.objects.get(pk=signing.loads(token, salt=SALT))
    except (signing.BadSignature, User.DoesNotExist):
        raise Http404 from None
    request.session.flush()
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    UserSession.objects.create_from_request(request)  # as allauth does, so that the list of devices is true
    request.session["account_authentication_methods"] = [
        {"method": "mfa", "type": "totp", "at": 0, "reauthenticated": False}
    ]
    request.session["demo_second_factor"] = True
    return redirect("home")


@login_not_required
def mails(request: HttpRequest) -> HttpResponse:
    """The newest mails the product sent."""
    return render(request, "demo/mails.html", {"mails": mailbox.caught(), "texts": mailbox.texts()})


@login_not_required
def attachment(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """One attachment of a mail."""
    try:
        parts = list(mailbox.read(name).iter_attachments())
        part = parts[number]
    except (FileNotFoundError, IndexError):
        raise Http404 from None
    response = HttpResponse(part.get_payload(decode=True), content_type=part.get_content_type())
    response.headers["Content-Disposition"] = f'inline; filename="{part.get_filename()}"'
    return response


@login_not_required
def till(request: HttpRequest) -> HttpResponse:
    """Pair this browser as the till of the demo's merchant: a fresh pairing code, as its owner would show it."""
    from merchants.models import MerchantRole
    from merchants.services import tills

    owner = MerchantRole.objects.select_related("user", "merchant").order_by("pk").first()
    if owner is None:
        raise Http404
    shop = owner.merchant.shops.order_by("pk").first()
    if shop is None:
        raise Http404
    _row, code = tills.create_pairing(
        shop=shop, till_name="Caisse de démonstration", actor=owner.user, at=timezone.now()
    )
    return redirect(f"/till/#{code}")
