from django.urls import path

from benefit_card import till_urls
from benefit_card.views import company, figures, fraud, holder, offers, privacy, statements

app_name = "benefit_card"
urlpatterns = [
    *till_urls.urlpatterns,
    path("company/<int:company>/cards/", company.company_cards, name="company_cards"),
    path("company/<int:company>/cards/issue/", company.issue, name="issue"),
    path("company/<int:company>/cards/batches/<int:pk>/", company.batch, name="batch"),
    path("company/<int:company>/cards/batches/<int:pk>/print/", company.batch_print, name="batch_print"),
    path("company/<int:company>/cards/batches/<int:pk>/links/", company.batch_links, name="batch_links"),
    path("company/<int:company>/cards/batches/<int:pk>/sheet.pdf", company.batch_sheet, name="batch_sheet"),
    path("company/<int:company>/cards/batches/<int:pk>/cr80.pdf", company.batch_printer, name="batch_printer"),
    path("company/<int:company>/cards/batches/<int:pk>/letters.pdf", company.batch_letters, name="batch_letters"),
    path("company/<int:company>/cards/<int:pk>/", company.company_card, name="company_card"),
    path("company/<int:company>/cards/<int:pk>/block/", company.block, name="block"),
    path("company/<int:company>/cards/<int:pk>/replace/", company.replace, name="replace"),
    path("me/offers/", offers.offers, name="offers"),  # before that of the merchants' room: the same, with uses left
    path("card/", holder.card, name="card"),
    path("card/passes/", holder.card_passes, name="card_passes"),
    path("me/card/", holder.my_card, name="my_card"),
    path("me/card/open/", holder.my_card_open, name="my_card_open"),
    path("me/card/found/", holder.my_card_found, name="my_card_found"),
    path("me/card/lost/", holder.my_card_lost, name="my_card_lost"),
    path("me/redemptions/", holder.my_redemptions, name="my_redemptions"),
    path("me/data/", privacy.my_data, name="my_data"),
    path("me/data/export/", privacy.my_data_export, name="my_data_export"),
    path("me/data/erase/", privacy.my_data_erase, name="my_data_erase"),
    path("merchant/<int:merchant>/statements/", statements.index, name="statements"),
    path("merchant/<int:merchant>/statements/<int:pk>.pdf", statements.file, {"kind": "pdf"}, name="statement_pdf"),
    path("merchant/<int:merchant>/statements/<int:pk>.csv", statements.file, {"kind": "csv"}, name="statement_csv"),
    path("erb/statements/", statements.staff_index, name="staff_statements"),
    path("me/redemptions/<uuid:client_id>/contest/", fraud.contest, name="contest"),
    path("erb/signals/", fraud.queue, name="signals"),
    path("erb/signals/<int:pk>/", fraud.decide, name="signal_decide"),
    path("company/<int:company>/cards/use/", figures.company_use, name="company_use"),
    path("merchant/<int:merchant>/visits/", figures.merchant_visits, name="merchant_visits"),
    path("erb/use/", figures.staff_use, name="staff_use"),
    path("erb/people/", privacy.staff_person, name="staff_person"),
    path("erb/retention/", privacy.staff_retention, name="staff_retention"),
    path("activate/", holder.activate, name="activate"),
    path("activate/<str:token>/", holder.activate_confirm, name="activate_confirm"),
    path("C", holder.landing, name="landing"),
]
