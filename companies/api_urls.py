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
    re_path(
        r"^meetings/(?P<pk>[0-9]{1,18})/(?P<action>come|stay-away|invite|cancel|publish)/$",
        meetings_api.MeetingAct.as_view(),
        name="api_meeting_act",
    ),
]
