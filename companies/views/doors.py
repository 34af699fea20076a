"""What the views of the room share: reaching a company, and showing a refusal."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from companies.access import can_administer, can_manage_people, require
from companies.errors import DomainError
from companies.models import Company, User


def me(request: HttpRequest) -> User:
    """The signed-in user; the views are behind the sign-in middleware."""
    return cast(User, request.user)


def company_of(request: HttpRequest, pk: int) -> Company:
    """A company the reader may see, else 404."""
    return get_object_or_404(Company.objects.visible_to(request.user), pk=pk)


def company_for_people(request: HttpRequest, pk: int) -> Company:
    """A company whose employees the reader keeps: another company's is 404, one's own without the role is 403."""
    company = company_of(request, pk)
    require(can_manage_people(me(request), company))
    return company


def company_to_administer(request: HttpRequest, pk: int) -> Company:
    """A company whose roles and tokens the reader handles."""
    company = company_of(request, pk)
    require(can_administer(me(request), company))
    return company


def refused(request: HttpRequest, error: DomainError) -> None:
    """Show a refusal on the next page."""
    messages.error(request, error.sentence)


def page_number(request: HttpRequest) -> Any:
    return request.GET.get("page") or 1


def words_of(request: HttpRequest) -> str:
    """What was typed into the search field: short, and without characters PostgreSQL cannot hold."""
    return request.GET.get("q", "").replace("\x00", "").strip()[:80]
