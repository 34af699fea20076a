"""Addresses of employee pools. Appended to the room's."""

from django.urls import path, re_path

from purchasing.views import employee_me, employee_order, employee_pick_up, employee_pool

MINE = "me/pools/<int:pk>/"
POOL = "employee-pools/<int:pk>/"
COMPANY = "company/<int:company>/employee-pools/"

urlpatterns = [
    path("me/pools/", employee_me.my_pools, name="my_pools"),
    path(MINE, employee_me.my_pool, name="my_pool"),
    path(f"{MINE}pay/", employee_me.my_pool_pay, name="my_pool_pay"),
    path(f"{MINE}paid/", employee_me.my_pool_paid, name="my_pool_paid"),
    path(f"{MINE}withdraw/", employee_me.my_pool_withdraw, name="my_pool_withdraw"),
    path(f"{MINE}code/", employee_me.my_pool_code, name="my_pool_code"),
    path(f"{POOL}photos/<int:article>/", employee_me.photo, name="employee_photo"),
    path("erb/employee-pools/", employee_pool.staff_list, name="employee_pools"),
    path("erb/employee-pools/new/", employee_pool.staff_new, name="employee_pool_new"),
    path(POOL, employee_pool.pool, name="employee_pool"),
    path(f"{POOL}edit/", employee_pool.edit, name="employee_pool_edit"),
    path(f"{POOL}articles/new/", employee_pool.article, name="employee_article_new"),
    path(f"{POOL}articles/<int:article>/", employee_pool.article, name="employee_article"),
    path(f"{POOL}articles/<int:article>/remove/", employee_pool.article_remove, name="employee_article_remove"),
    path(f"{POOL}order.pdf", employee_pool.order_file, name="employee_order_file"),
    path(f"{POOL}order/answer/", employee_order.answer, name="employee_order_answer"),
    path(f"{POOL}order/<slug:verdict>/", employee_order.decide, name="employee_order_decide"),
    path(f"{POOL}rest/<int:article>/", employee_order.rest, name="employee_rest"),
    path(f"{POOL}short/<int:company>/<int:article>/", employee_pool.short, name="employee_short"),
    path(f"{POOL}refunds/<int:refund>/", employee_pool.refund, name="employee_refund"),
    re_path(
        r"^employee-pools/(?P<pk>[0-9]{1,18})/(?P<action>publish|cancel|order|close)/$",
        employee_pool.act,
        name="employee_pool_act",
    ),
    path(COMPANY, employee_pool.company_list, name="company_employee_pools"),
    path(f"{COMPANY}new/", employee_pool.company_new, name="company_employee_pool_new"),
    path(f"{COMPANY}scan/", employee_pick_up.scan, name="employee_scan"),
    path(f"{COMPANY}<int:pk>/", employee_pool.company_pool, name="company_employee_pool"),
    path(f"{COMPANY}<int:pk>/arrive/", employee_pool.arrive, name="employee_arrive"),
    path(f"{COMPANY}<int:pk>/code/", employee_pick_up.typed, name="employee_code"),
    path(f"{COMPANY}<int:pk>/parcels/<int:purchase>/", employee_pick_up.by_name, name="employee_parcel"),
    path("pick-up/<str:code>/", employee_pick_up.pick_up, name="employee_pick_up"),
]
