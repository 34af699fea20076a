"""Included by urls.py: the till, the files of till and card as apps, and what a merchant's owner sees of the card."""

from django.urls import path

from benefit_card import merchant_views, till_views

urlpatterns = [
    path("till/", till_views.till, name="till"),
    path("till/sw.js", till_views.till_worker, name="till_worker"),
    path("till/manifest.webmanifest", till_views.till_manifest, name="till_manifest"),
    path("card/manifest.webmanifest", till_views.card_manifest, name="card_manifest"),
    path("sw.js", till_views.service_worker, name="service_worker"),
    path("merchant/<int:merchant>/figures/", merchant_views.figures, name="merchant_figures"),
    path("merchant/<int:merchant>/specimens.pdf", merchant_views.specimen_sheet, name="specimens"),
    path("erb/specimens.pdf", merchant_views.staff_specimens, name="staff_specimens"),
    path("merchant/<int:merchant>/today/", merchant_views.today, name="merchant_today"),
    path("merchant/<int:merchant>/today/<uuid:client_id>/undo/", merchant_views.void, name="merchant_void"),
]
