"""Pages of the room: needs, pools, tenders and the supplier's link; the way of the goods is in `urls_back`."""

from importlib import import_module
from importlib.util import find_spec

from django.urls import path

from companies.once import once
from purchasing.views import award, award_study, catalogue, company_pool, pool, quote, request, tender

app_name = "purchasing"
COMPANY = "company/<int:company>/"
POOL = "pools/<int:pk>/"

urlpatterns = [
    path(f"{COMPANY}requests/", request.request_list, name="request_list"),
    path(f"{COMPANY}requests/new/", once(request.request_edit), name="request_new"),
    path(f"{COMPANY}requests/<int:pk>/", request.request_detail, name="request"),
    path(f"{COMPANY}requests/<int:pk>/edit/", request.request_edit, name="request_edit"),
    path(f"{COMPANY}requests/<int:pk>/submit/", request.request_submit, name="request_submit"),
    path(f"{COMPANY}requests/<int:pk>/decide/", request.request_decide, name="request_decide"),
    path(f"{COMPANY}requests/<int:pk>/cancel/", request.request_cancel, name="request_cancel"),
    path(f"{COMPANY}requests/<int:pk>/copy/", request.request_copy, name="request_copy"),
    path(f"{COMPANY}pools/", company_pool.pool_list, name="pool_list"),
    path(f"{COMPANY}pools/<int:pk>/", company_pool.company_pool, name="company_pool"),
    path(f"{COMPANY}pools/<int:pk>/join/<int:line>/", company_pool.company_pool_join, name="company_pool_join"),
    path("pools/", pool.staff_pool_list, name="staff_pool_list"),
    path("pools/needs/", pool.needs, name="needs"),
    path("pools/new/", once(pool.pool_new), name="pool_new"),
    path(POOL, pool.pool, name="pool"),
    path(f"{POOL}edit/", pool.pool_edit, name="pool_edit"),
    path(f"{POOL}publish/", pool.pool_publish, name="pool_publish"),
    path(f"{POOL}cancel/", pool.pool_cancel, name="pool_cancel"),
    path(f"{POOL}open/", pool.pool_open, name="pool_open"),
    path(f"{POOL}lines/<int:line>/", pool.pool_line, name="pool_line"),
    path(f"{POOL}needs/<int:need>/move/", pool.need_move, name="need_move"),
    path(f"{POOL}tender/", tender.tender, name="tender"),
    path(f"{POOL}tender/invite/", tender.tender_invite, name="tender_invite"),
    path(f"{POOL}tender/send/", tender.tender_send, name="tender_send"),
    path(f"{POOL}tender/open/", tender.tender_open, name="tender_open"),
    path(f"{POOL}tender/questions/<int:question>/", tender.tender_answer, name="tender_answer"),
    path(f"{POOL}tender/postpone/", tender.tender_postpone, name="tender_postpone"),
    path(f"{POOL}tender/<int:invitation>/<slug:action>/", tender.invitation, name="invitation"),
    path(f"{POOL}quotes/", award.comparison, name="comparison"),
    path(f"{POOL}award/", award.award, name="award"),
    path(f"{POOL}award/<int:award>/<slug:answer>/", award.award_answer, name="award_answer"),
    path(f"{POOL}computations/", once(award_study.study_list), name="award_studies"),
    path(f"{POOL}computations/<int:study>/", award_study.study, name="award_study"),
    path(f"{POOL}computations/<int:study>/progress/", award_study.progress, name="award_study_progress"),
    path(f"{POOL}computations/<int:study>/stop/", award_study.stop, name="award_study_stop"),
    path(f"{POOL}computations/<int:study>/accept/", award_study.accept, name="award_study_accept"),
    path("suppliers/", catalogue.supplier_list, name="supplier_list"),
    path("suppliers/new/", once(catalogue.supplier_edit), name="supplier_new"),
    path("suppliers/<int:pk>/", catalogue.supplier_edit, name="supplier"),
    path("q/<str:token>/", quote.quote, name="quote"),
    path("q/<str:token>/articles/<int:number>/", quote.quote_line, name="quote_line"),
    path("q/<str:token>/conditions/", quote.quote_terms, name="quote_terms"),
    path("q/<str:token>/question/", quote.quote_question, name="quote_question"),
    path("q/<str:token>/decline/", quote.quote_decline, name="quote_decline"),
    path("q/<str:token>/withdraw/", quote.quote_withdraw, name="quote_withdraw"),
]
for more in (
    "purchasing.urls_needs",
    "purchasing.urls_frameworks",
    "purchasing.urls_back",
    "purchasing.urls_exchange",
    "purchasing.urls_employees",
):
    # An application namespace of its own would change the names: the patterns are appended instead.
    if find_spec(more):
        urlpatterns += import_module(more).urlpatterns
