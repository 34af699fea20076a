"""Addresses that exist in the demo only."""

from django.urls import path

from deploy.standalone import demo

app_name = "demo"
urlpatterns = [
    path("", demo.index, name="index"),
    path("in/<str:token>/", demo.enter, name="enter"),
    path("till/", demo.till, name="till"),
    path("mails/", demo.mails, name="mails"),
    path("mails/<str:name>/<int:number>/", demo.attachment, name="attachment"),
]
