"""Budgets, approvals, stand-ins and the link that approves from the mail. Appended to the room's addresses."""

from django.urls import path

from purchasing.views import approval, likeness, prices, recurring, supplier

COMPANY = "company/<int:company>/"
SUPPLIER = "suppliers/<int:pk>/"

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
    path("catalogue/", prices.catalogue, name="catalogue"),
    path("catalogue/<int:pk>/", prices.article, name="article"),
    path(f"{SUPPLIER}file/", supplier.supplier_file, name="supplier_file"),
    path(f"{SUPPLIER}closed/", supplier.closure_add, name="closure_add"),
    path(f"{SUPPLIER}closed/<int:closure>/remove/", supplier.closure_remove, name="closure_remove"),
    path(f"{SUPPLIER}documents/", supplier.document_add, name="document_add"),
    path(f"{SUPPLIER}documents/<int:document>/", supplier.document, name="supplier_document"),
    path(f"{SUPPLIER}contacts/", supplier.contact_add, name="contact_add"),
    path(f"{SUPPLIER}contacts/<int:contact>/remove/", supplier.contact_remove, name="contact_remove"),
    path(f"{SUPPLIER}prices/new/", supplier.price_list_new, name="price_list_new"),
    path(f"{SUPPLIER}prices/<int:number>/", supplier.price_list, name="price_list"),
    path(f"{SUPPLIER}prices/<int:number>/apply/", supplier.price_list_apply, name="price_list_apply"),
    path(f"{SUPPLIER}prices/<int:number>/cancel/", supplier.price_list_cancel, name="price_list_cancel"),
    path(f"{COMPANY}recurring/", recurring.recurring_list, name="recurring_list"),
    path(f"{COMPANY}recurring/<int:pk>/end/", recurring.recurring_end, name="recurring_end"),
    path(f"{COMPANY}requests/<int:pk>/again/", recurring.recurring_start, name="recurring_start"),
    path(f"{COMPANY}requests/<int:pk>/files/", recurring.file_add, name="request_file_add"),
    path(f"{COMPANY}requests/<int:pk>/files/<int:file>/", recurring.file_get, name="request_file"),
]
