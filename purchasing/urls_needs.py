"""Budgets, approvals, stand-ins and the link that approves from the mail. Appended to the room's addresses."""

from django.urls import path

from purchasing.views import approval, likeness

COMPANY = "company/<int:company>/"

urlpatterns = [
    path(f"{COMPANY}needs/asked/", likeness.asked, name="asked"),
    path(f"{COMPANY}budgets/", approval.budget_list, name="budget_list"),
    path(f"{COMPANY}budgets/<int:pk>/remove/", approval.budget_remove, name="budget_remove"),
    path(f"{COMPANY}approvals/", approval.approval_rules, name="approval_rules"),
    path(f"{COMPANY}approvals/levels/", approval.level_add, name="level_add"),
    path(f"{COMPANY}approvals/levels/<int:pk>/remove/", approval.level_remove, name="level_remove"),
    path(f"{COMPANY}approvals/stand-ins/", approval.delegation_add, name="delegation_add"),
    path(f"{COMPANY}approvals/stand-ins/<int:pk>/end/", approval.delegation_end, name="delegation_end"),
    path("q/approve/<str:token>/", approval.approve_by_link, name="approve_by_link"),
]
