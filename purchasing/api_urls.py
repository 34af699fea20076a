"""REST routes of the room, under /api/v1/."""

from importlib import import_module
from importlib.util import find_spec

from django.urls import path, re_path

from purchasing.api import (
    approval_rules,
    award_studies,
    catalogue,
    company_pools,
    keeping,
    pool_lines,
    pools,
    questions,
    request_files,
    request_lines,
    requests,
    supplier_answers,
    supplier_file,
    tenders,
)

app_name = "purchasing_api"
REQUESTS = "companies/<int:company>/requests/"
POOL = "pools/<int:pk>/"
MINE = "companies/<int:company>/"
SUPPLIER = "suppliers/<int:pk>/"

urlpatterns = [
    path(REQUESTS, requests.RequestList.as_view(), name="requests"),
    path(f"{REQUESTS}<int:pk>/", requests.RequestDetail.as_view(), name="request"),
    path(f"{REQUESTS}<int:pk>/submit/", requests.RequestSubmit.as_view(), name="request_submit"),
    path(f"{REQUESTS}<int:pk>/decide/", requests.RequestDecide.as_view(), name="request_decide"),
    path(f"{REQUESTS}<int:pk>/cancel/", requests.RequestCancel.as_view(), name="request_cancel"),
    path(f"{REQUESTS}<int:pk>/copy/", request_files.RequestCopy.as_view(), name="request_copy"),
    path(f"{REQUESTS}<int:pk>/files/", request_files.RequestFiles.as_view(), name="request_files"),
    path(f"{REQUESTS}<int:pk>/files/<int:file>/", request_files.RequestFileContent.as_view(), name="request_file"),
    path(f"{REQUESTS}<int:pk>/lines/", request_lines.RequestLines.as_view(), name="request_lines"),
    path(f"{REQUESTS}<int:pk>/lines/<int:line>/", request_lines.RequestLineDetail.as_view(), name="request_line"),
    path(f"{MINE}pools/<int:pk>/join/", company_pools.PoolJoin.as_view(), name="pool_join"),
    path(f"{MINE}tenders/<int:pk>/", company_pools.CompanyTender.as_view(), name="company_tender"),
    path(f"{MINE}needs/asked/", request_files.AskedFor.as_view(), name="asked"),
    path(f"{MINE}price-rises/", supplier_file.PriceRises.as_view(), name="price_rises"),
    path(f"{MINE}approval-levels/", approval_rules.ApprovalLevels.as_view(), name="approval_levels"),
    path(f"{MINE}approval-levels/<int:pk>/", approval_rules.ApprovalLevelDetail.as_view(), name="approval_level"),
    path(f"{MINE}stand-ins/", approval_rules.StandIns.as_view(), name="stand_ins"),
    path(f"{MINE}stand-ins/<int:pk>/", approval_rules.StandInDetail.as_view(), name="stand_in"),
    path("companies/<int:company>/budgets/", keeping.BudgetList.as_view(), name="budgets"),
    path("companies/<int:company>/budgets/<int:pk>/", keeping.BudgetDetail.as_view(), name="budget"),
    path("companies/<int:company>/recurring-needs/", keeping.RecurringList.as_view(), name="recurring_needs"),
    path("companies/<int:company>/recurring-needs/<int:pk>/", keeping.RecurringDetail.as_view(), name="recurring_need"),
    path("articles/", requests.ArticleList.as_view(), name="articles"),
    path("articles/<int:pk>/", requests.ArticleDetail.as_view(), name="article"),
    path("articles/<int:pk>/prices/", catalogue.ArticlePrices.as_view(), name="article_prices"),
    path("suppliers/", catalogue.SupplierList.as_view(), name="suppliers"),
    path("suppliers/<int:pk>/", catalogue.SupplierDetail.as_view(), name="supplier"),
    path(f"{SUPPLIER}documents/", supplier_file.SupplierDocuments.as_view(), name="supplier_documents"),
    path(
        f"{SUPPLIER}documents/<int:document>/",
        supplier_file.SupplierDocumentContent.as_view(),
        name="supplier_document",
    ),
    path(f"{SUPPLIER}closures/", supplier_file.SupplierClosures.as_view(), name="supplier_closures"),
    path(f"{SUPPLIER}closures/<int:closure>/", supplier_file.SupplierClosureDetail.as_view(), name="supplier_closure"),
    path(f"{SUPPLIER}contacts/", supplier_file.SupplierContacts.as_view(), name="supplier_contacts"),
    path(f"{SUPPLIER}contacts/<int:contact>/", supplier_file.SupplierContactDetail.as_view(), name="supplier_contact"),
    path("suppliers/<int:pk>/price-lists/", catalogue.SupplierPriceLists.as_view(), name="price_lists"),
    path(
        "suppliers/<int:pk>/price-lists/<int:number>/lines/", catalogue.SupplierPriceList.as_view(), name="price_list"
    ),
    path(
        "suppliers/<int:pk>/price-lists/<int:number>/apply/",
        catalogue.SupplierPriceListApply.as_view(),
        name="price_list_apply",
    ),
    path(
        "suppliers/<int:pk>/price-lists/<int:number>/cancel/",
        catalogue.SupplierPriceListCancel.as_view(),
        name="price_list_cancel",
    ),
    path("needs/", pools.NeedList.as_view(), name="needs"),
    path("pools/", pools.PoolList.as_view(), name="pools"),
    path(POOL, pools.PoolDetail.as_view(), name="pool"),
    path(f"{POOL}publish/", pools.PoolPublish.as_view(), name="pool_publish"),
    path(f"{POOL}cancel/", pools.PoolCancel.as_view(), name="pool_cancel"),
    path(f"{POOL}open/", pools.PoolOpen.as_view(), name="pool_open"),
    path(f"{POOL}lines/<int:line>/", pool_lines.PoolLineDetail.as_view(), name="pool_line"),
    path(f"{POOL}needs/", pool_lines.PoolNeeds.as_view(), name="pool_needs"),
    path(f"{POOL}needs/<int:need>/move/", pool_lines.PoolNeedMove.as_view(), name="pool_need_move"),
    path(f"{POOL}needs/<int:need>/remove/", pool_lines.PoolNeedRemove.as_view(), name="pool_need_remove"),
    path(f"{POOL}tender/", tenders.TenderDetail.as_view(), name="tender"),
    path(f"{POOL}tender/suppliers/", tenders.TenderInvite.as_view(), name="tender_invite"),
    path(f"{POOL}tender/send/", tenders.TenderSend.as_view(), name="tender_send"),
    path(f"{POOL}tender/postpone/", tenders.TenderPostpone.as_view(), name="tender_postpone"),
    path(f"{POOL}tender/open/", tenders.TenderOpen.as_view(), name="tender_open"),
    path(f"{POOL}tender/questions/", questions.QuestionList.as_view(), name="tender_questions"),
    path(f"{POOL}tender/questions/<int:question>/", questions.QuestionAnswer.as_view(), name="tender_answer"),
    path(
        f"{POOL}tender/invitations/<int:invitation>/<slug:action>/",
        questions.InvitationAct.as_view(),
        name="invitation",
    ),
    path(f"{POOL}comparison/", tenders.ComparisonDetail.as_view(), name="comparison"),
    path(f"{POOL}award/", tenders.AwardList.as_view(), name="award"),
    path(f"{POOL}award/<int:award>/<slug:answer>/", tenders.AwardAnswer.as_view(), name="award_answer"),
    path(f"{POOL}award-studies/", award_studies.StudyList.as_view(), name="award_studies"),
    path(f"{POOL}award-studies/<int:study>/", award_studies.StudyDetail.as_view(), name="award_study"),
    path(f"{POOL}award-studies/<int:study>/cancel/", award_studies.StudyCancel.as_view(), name="award_study_cancel"),
    path(f"{POOL}award-studies/<int:study>/accept/", award_studies.StudyAccept.as_view(), name="award_study_accept"),
    re_path(
        r"^quotes/(?P<token>[^/]+)/(?P<action>decline|withdraw)/$",
        supplier_answers.QuoteActByLink.as_view(),
        name="quote_act",
    ),
    path("reviews/<str:token>/", supplier_answers.ReviewByLink.as_view(), name="review_by_link"),
    path("quotes/<str:token>/questions/", questions.QuestionsByLink.as_view(), name="quote_questions"),
    path("quotes/<str:token>/", tenders.QuoteByLink.as_view(), name="quote"),
]
urlpatterns += import_module("purchasing.api_exchange_urls").urlpatterns
if find_spec("purchasing.api_back_urls"):
    urlpatterns += import_module("purchasing.api_back_urls").urlpatterns
urlpatterns += import_module("purchasing.api_framework_urls").urlpatterns
urlpatterns += import_module("purchasing.api_employees_urls").urlpatterns
