"""Framework agreements, call-offs and year-end rebates. Appended to the room's addresses."""

from django.urls import path

from purchasing.views import call_off, framework, framework_rebate

COMPANY = "company/<int:company>/"
FRAMEWORK = "frameworks/<int:pk>/"
ARTICLE = f"{FRAMEWORK}articles/<int:article>/"

urlpatterns = [
    path("frameworks/", framework.framework_list, name="framework_list"),
    path("frameworks/new/", framework.framework_edit, name="framework_new"),
    path(FRAMEWORK, framework.framework, name="framework"),
    path(f"{FRAMEWORK}edit/", framework.framework_edit, name="framework_edit"),
    path(f"{FRAMEWORK}articles/new/", framework.framework_article, name="framework_article_new"),
    path(ARTICLE, framework.framework_article, name="framework_article"),
    path(f"{ARTICLE}remove/", framework.framework_article_remove, name="framework_article_remove"),
    path(f"{ARTICLE}quota/", framework.framework_quota, name="framework_quota"),
    path(f"{FRAMEWORK}rebate/", framework.framework_rebate_tiers, name="framework_rebate_tiers"),
    path(f"{FRAMEWORK}rebates/", framework_rebate.compute, name="rebate_compute"),
    path(f"{FRAMEWORK}do/<slug:action>/", framework.framework_act, name="framework_act"),
    path("rebates/<int:pk>/", framework_rebate.rebate, name="rebate"),
    path("rebates/<int:pk>.csv", framework_rebate.rebate_csv, name="rebate_csv"),
    path("rebates/<int:pk>.pdf", framework_rebate.rebate_pdf, name="rebate_pdf"),
    path("rebates/<int:pk>/note/", framework_rebate.note, name="rebate_note"),
    path("rebates/<int:pk>/<slug:action>/", framework_rebate.act, name="rebate_act"),
    path(
        "pools/<int:pk>/award/<int:award>/framework/<int:supplier>/",
        framework.framework_from_award,
        name="framework_from_award",
    ),
    path(f"{COMPANY}frameworks/", call_off.company_frameworks, name="company_frameworks"),
    path(f"{COMPANY}frameworks/<int:pk>/", call_off.company_framework, name="company_framework"),
    path(f"{COMPANY}call-offs/<int:pk>/", call_off.call_off, name="call_off"),
    path(f"{COMPANY}rebates/<int:pk>/", framework_rebate.proof, name="rebate_proof"),
    path(f"{COMPANY}rebates/<int:pk>.csv", framework_rebate.proof_csv, name="rebate_proof_csv"),
    path(f"{COMPANY}rebates/<int:pk>.pdf", framework_rebate.proof_pdf, name="rebate_proof_pdf"),
]
