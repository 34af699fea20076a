"""REST routes of employee pools, appended to the room's."""

from django.urls import path

from purchasing.api import employees

urlpatterns = [
    path("me/employee-pools/", employees.MyPools.as_view(), name="my_pools"),
    path("me/employee-pools/<int:pk>/", employees.MyPool.as_view(), name="my_pool"),
    path("me/employee-pools/<int:pk>/commitment/", employees.MyCommitment.as_view(), name="my_pool_commitment"),
]
