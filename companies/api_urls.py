"""REST addresses of the room, under /api/v1/."""

from django.urls import path, re_path

from companies import employees_api, meetings_api

urlpatterns = [
    path("employees/", employees_api.EmployeeList.as_view(), name="api_employees"),
    path("employees/<int:pk>/", employees_api.EmployeeDetail.as_view(), name="api_employee"),
    path("employees/<int:pk>/end/", employees_api.EmployeeEnd.as_view(), name="api_employee_end"),
    path("groups/", meetings_api.GroupList.as_view(), name="api_groups"),
    path("groups/<int:pk>/membership/", meetings_api.GroupMembership.as_view(), name="api_group_membership"),
    path("groups/<int:pk>/meetings/", meetings_api.GroupMeetings.as_view(), name="api_group_meetings"),
    path("meetings/", meetings_api.MeetingList.as_view(), name="api_meetings"),
    path("meetings/<int:pk>/", meetings_api.MeetingDetail.as_view(), name="api_meeting"),
    path("meetings/<int:pk>/minutes/", meetings_api.MeetingMinutes.as_view(), name="api_meeting_minutes"),
    path("meetings/<int:pk>/decisions/", meetings_api.MeetingDecisions.as_view(), name="api_meeting_decisions"),
    path(
        "meetings/<int:pk>/decisions/<int:decision>/done/",
        meetings_api.MeetingDecisionDone.as_view(),
        name="api_meeting_decision_done",
    ),
    path("meetings/<int:pk>/files/", meetings_api.MeetingFiles.as_view(), name="api_meeting_files"),
    re_path(
        r"^meetings/(?P<pk>[0-9]{1,18})/files/(?P<file>minutes|[0-9]{1,18})/$",
        meetings_api.MeetingFileContent.as_view(),
        name="api_meeting_file",
    ),
    re_path(
        r"^meetings/(?P<pk>[0-9]{1,18})/(?P<action>come|stay-away|invite|cancel|publish)/$",
        meetings_api.MeetingAct.as_view(),
        name="api_meeting_act",
    ),
]
