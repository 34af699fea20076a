"""Suppliers, kept by the association's staff."""

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from companies.access import require
from purchasing import access
from purchasing.forms.tender import SupplierForm
from purchasing.models import Category, Supplier
from purchasing.services import catalogue as service
from purchasing.views.doors import attempt, reader


@require_GET
def supplier_list(request: HttpRequest) -> HttpResponse:
    """All suppliers with how often they were asked, answered and chosen."""
    require(access.can_keep_catalogue(reader(request)))
    category, words = request.GET.get("category", ""), request.GET.get("q", "").strip()
    answered = ["submitted", "negotiating", "shortlisted", "awarded", "part_awarded", "lost"]
    rows = Supplier.objects.annotate(
        asked=Count("invitations"),
        answered=Count("invitations", filter=Q(invitations__state__in=answered)),
        won=Count("invitations", filter=Q(invitations__state__in=["awarded", "part_awarded"])),
    ).order_by("name", "pk")
    if category:
        rows = rows.filter(category=category)
    if words:
        rows = rows.filter(Q(name__icontains=words) | Q(city__icontains=words))
    page = Paginator(rows, 50).get_page(request.GET.get("page"))
    context = {"page": page, "category": category, "words": words, "categories": Category.choices}
    return render(request, "purchasing/supplier_list.html", context)


@require_http_methods(["GET", "POST"])
def supplier_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """One supplier and its contact."""
    require(access.can_keep_catalogue(reader(request)))
    row = get_object_or_404(Supplier, pk=pk) if pk else None
    contact = row.contacts.filter(receives_tenders=True).first() if row else None
    known = (
        {"contact_name": contact.name, "contact_email": contact.email, "contact_phone": contact.phone}
        if contact
        else {}
    )
    form = SupplierForm(request.POST or None, instance=row, initial=known)
    if request.method == "POST" and form.is_valid():
        values = {name: value for name, value in form.cleaned_data.items() if not name.startswith("contact_")}
        person = {name: form.cleaned_data[f"contact_{name}"] for name in ("name", "email", "phone")}
        saved = attempt(
            request,
            lambda: service.save_supplier(
                actor=reader(request), values=values, contact=person, at=timezone.now(), supplier=row
            ),
            _("The supplier is saved."),
        )
        if saved:
            return redirect("purchasing:supplier_list")
    return render(request, "purchasing/supplier_form.html", {"form": form, "supplier": row})
