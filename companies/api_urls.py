"""REST addresses of the room, under /api/v1/."""

from django.urls import path

from companies import employees_api

urlpatterns = [
    path("employees/", employees_api.EmployeeList.as_view(), name="api_employees"),
    path("employees/<int:pk>/", employees_api.EmployeeDetail.as_view(), name="api_employee"),
    path("employees/<int:pk>/end/", employees_api.EmployeeEnd.as_view(), name="api_employee_end"),
]
