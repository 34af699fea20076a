from django.urls import path

from merchants import api

urlpatterns = [path("tills/pair/", api.Pair.as_view(), name="till-pair")]
