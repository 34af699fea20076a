"""REST routes of framework agreements, appended to the room's."""

from django.urls import path

from purchasing.api import framework_keeping as keeping
from purchasing.api import frameworks

MINE = "companies/<int:company>/"
FRAMEWORK = "framework-agreements/<int:pk>/"

urlpatterns = [
    path(f"{MINE}framework-agreements/", frameworks.CompanyFrameworks.as_view(), name="company_frameworks"),
    path(f"{MINE}framework-agreements/<int:pk>/", frameworks.CompanyFramework.as_view(), name="company_framework"),
    path(f"{MINE}call-offs/", frameworks.CompanyCallOffs.as_view(), name="call_offs"),
    path(f"{MINE}call-offs/<int:pk>/", frameworks.CompanyCallOff.as_view(), name="call_off"),
    path(f"{MINE}rebates/", frameworks.CompanyRebates.as_view(), name="company_rebates"),
    path("framework-agreements/", keeping.FrameworkList.as_view(), name="frameworks"),
    path(FRAMEWORK, keeping.FrameworkDetail.as_view(), name="framework"),
    path(f"{FRAMEWORK}sign/", keeping.FrameworkSign.as_view(), name="framework_sign"),
    path(f"{FRAMEWORK}rebates/", keeping.FrameworkRebates.as_view(), name="framework_rebates"),
    path("rebates/<int:pk>/credit-note/", keeping.RebateBook.as_view(), name="rebate_book"),
    path("rebates/<int:pk>/issue/", keeping.RebateIssue.as_view(), name="rebate_issue"),
]
