"""Included by urls.py: the pages and files of the till and of the card as an app."""

from django.urls import path

from benefit_card import till_views

urlpatterns = [
    path("till/", till_views.till, name="till"),
    path("till/manifest.webmanifest", till_views.till_manifest, name="till_manifest"),
    path("card/manifest.webmanifest", till_views.card_manifest, name="card_manifest"),
    path("sw.js", till_views.service_worker, name="service_worker"),
]
