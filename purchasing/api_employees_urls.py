"""REST routes of employee pools, appended to the room's."""

from django.urls import path

from purchasing.api import employee_goods, employees

MINE = "companies/<int:company>/"

urlpatterns = [
    path("me/employee-pools/", employees.MyPools.as_view(), name="my_pools"),
    path("me/employee-pools/<int:pk>/", employees.MyPool.as_view(), name="my_pool"),
    path("me/employee-pools/<int:pk>/commitment/", employees.MyCommitment.as_view(), name="my_pool_commitment"),
    path(f"{MINE}employee-pools/", employee_goods.CompanyEmployeePools.as_view(), name="company_employee_pools"),
    path(f"{MINE}employee-pools/<int:pk>/", employee_goods.CompanyEmployeePool.as_view(), name="company_employee_pool"),
    path(f"{MINE}employee-pools/<int:pk>/arrivals/", employee_goods.Arrivals.as_view(), name="employee_arrivals"),
    path(f"{MINE}pick-ups/", employee_goods.PickUps.as_view(), name="employee_pick_ups"),
    path(f"{MINE}pick-ups/look/", employee_goods.PickUpLook.as_view(), name="employee_pick_up_look"),
]
