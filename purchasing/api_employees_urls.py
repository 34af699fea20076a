"""REST routes of employee pools, appended to the room's."""

from django.urls import path, re_path

from purchasing.api import employee_goods, employee_orders, employee_running, employees

MINE = "companies/<int:company>/"
RUN = "employee-pools/<int:pk>/"

urlpatterns = [
    path("me/employee-pools/", employees.MyPools.as_view(), name="my_pools"),
    path("me/employee-pools/<int:pk>/", employees.MyPool.as_view(), name="my_pool"),
    path("me/employee-pools/<int:pk>/commitment/", employees.MyCommitment.as_view(), name="my_pool_commitment"),
    path(f"{MINE}employee-pools/", employee_running.OwnEmployeePools.as_view(), name="company_employee_pools"),
    path(f"{MINE}employee-pools/<int:pk>/", employee_goods.CompanyEmployeePool.as_view(), name="company_employee_pool"),
    path(f"{MINE}employee-pools/<int:pk>/arrivals/", employee_goods.Arrivals.as_view(), name="employee_arrivals"),
    path(
        f"{MINE}employee-pools/<int:pk>/subsidy/",
        employee_running.CompanySubsidy.as_view(),
        name="company_employee_pool_subsidy",
    ),
    path("employee-pools/", employee_running.EmployeePools.as_view(), name="employee_pools"),
    path(RUN, employee_running.EmployeePoolRun.as_view(), name="employee_pool"),
    path(f"{RUN}articles/", employee_running.EmployeeArticles.as_view(), name="employee_articles"),
    path(f"{RUN}articles/<int:article>/", employee_running.EmployeeArticleOne.as_view(), name="employee_article"),
    path(f"{RUN}order/", employee_orders.EmployeePoolOrder.as_view(), name="employee_order"),
    path(f"{RUN}order/acknowledge/", employee_orders.EmployeeOrderAcknowledge.as_view(), name="employee_order_answer"),
    path(f"{RUN}order/decide/", employee_orders.EmployeeOrderDecide.as_view(), name="employee_order_decide"),
    path(f"{RUN}not-coming/", employee_orders.EmployeeRest.as_view(), name="employee_rest"),
    path(f"{RUN}refunds/", employee_orders.EmployeeRefunds.as_view(), name="employee_refunds"),
    path(f"{RUN}refunds/<int:refund>/", employee_orders.EmployeeRefund.as_view(), name="employee_refund"),
    re_path(
        r"^employee-pools/(?P<pk>[0-9]{1,18})/(?P<action>open|cancel|send-order|close)/$",
        employee_running.EmployeePoolAct.as_view(),
        name="employee_pool_act",
    ),
    path(f"{MINE}pick-ups/", employee_goods.PickUps.as_view(), name="employee_pick_ups"),
    path(f"{MINE}pick-ups/look/", employee_goods.PickUpLook.as_view(), name="employee_pick_up_look"),
]
