"""Addresses of collecting: mandates, desks, statements, instalments, reminders, dues."""

from django.urls import path

from companies.billing.views import claims, collection, deposits, desk, dues, links, mandates

urlpatterns = [
    path("company/<int:company>/accounts/mandate/", mandates.mandate, name="mandate"),
    path("company/<int:company>/accounts/mandate/<int:pk>/revoke/", mandates.revoke, name="mandate_revoke"),
    path("company/<int:company>/accounts/mandate/<int:pk>/pdf/", mandates.file, name="mandate_pdf"),
    path("company/<int:company>/accounts/deposit/", deposits.deposit, name="deposit"),
    path("company/<int:company>/accounts/deposit/back/", deposits.back, name="deposit_back"),
    path("company/<int:company>/accounts/deposit/back/<int:pk>/pdf/", deposits.back_pdf, name="deposit_back_pdf"),
    path(
        "company/<int:company>/accounts/deposit/back/<int:pk>/cancel/", deposits.back_cancel, name="deposit_back_cancel"
    ),
    path("company/<int:company>/invoices/<int:pk>/keep/", deposits.keep, name="keep_overpaid"),
    path("company/<int:company>/accounts/", desk.company_desk, name="desk"),
    path("company/<int:company>/accounts/open.csv", desk.open_items, name="open_items"),
    path("company/<int:company>/accounts/statement/", desk.statement, name="statement"),
    path("company/<int:company>/accounts/statement/pdf/", desk.statement, {"form": "pdf"}, name="statement_pdf"),
    path("company/<int:company>/accounts/statement/csv/", desk.statement, {"form": "csv"}, name="statement_csv"),
    path("company/<int:company>/invoices/<int:pk>/instalments/", desk.plan, name="plan"),
    path("pay/<str:token>/", links.pay_by_link, name="pay_by_link"),
    path("pay/<str:token>/pdf/", links.link_pdf, name="link_pdf"),
    path("erb/collection/", collection.home, name="collection"),
    path("erb/collection/due.csv", collection.export, name="collection_export"),
    path("erb/collection/settings/", collection.settings_page, name="collection_settings"),
    path("erb/collection/claims/<int:pk>/", claims.claim, name="claim"),
    path("erb/collection/claims/<int:pk>/accept/", claims.give_in, name="claim_give_in"),
    path("erb/collection/claims/<int:pk>/proof/", claims.evidence, name="claim_evidence"),
    path("erb/collection/proposals/<int:pk>/", collection.decide_proposal, name="decide_proposal"),
    path("erb/collection/write-offs/<int:pk>/", collection.decide_write_off, name="decide_write_off"),
    path("erb/invoices/<int:invoice>/write-off/", collection.ask_write_off, name="write_off"),
    path("erb/invoices/<int:invoice>/credit/", collection.credit, name="credit"),
    path("erb/invoices/<int:invoice>/instalments/", collection.propose_plan, name="propose_plan"),
    path("erb/collection/dues/", dues.home, name="dues"),
    path("erb/collection/dues/<int:pk>/", dues.run, name="dues_run"),
]
