"""Addresses of the whole product. Each room has its own `urls.py` and `api_urls.py`."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from deploy import api_docs, api_schema, gallery, health, home, http, legal

# The card stands before the merchants: its /me/offers/ is theirs with the uses left to the reader.
ROOMS = ["companies", "companies.billing", "benefit_card", "merchants", "purchasing"]

# What programs ask stands before the pages, and of it first what a till waits for: Django tries one address after the other.
API: list[URLPattern | URLResolver] = [
    *(path("", include(f"{room}.api_urls")) for room in sorted(ROOMS, key="benefit_card".__ne__)),
    path("schema/", api_schema.Schema.as_view(), name="schema"),
    path("docs/", api_docs.docs, name="api_docs"),
]

urlpatterns = [
    path("api/v1/", include(API)),
    path("", home.home, name="home"),
    path("company/<int:company>/", home.company, name="home_company"),
    path("erb/", home.staff, name="home_staff"),
    path("me/", home.person, name="home_person"),
    path("me/now/", home.person_now, name="home_person_now"),
    path("merchant/<int:merchant>/start/", home.merchant, name="home_merchant"),
    path("language/", login_not_required(set_language), name="set_language"),
    path("legal/", legal.notice, name="legal_notice"),
    path("legal/data/", legal.privacy, name="legal_privacy"),
    path("legal/terms/", legal.terms, name="legal_terms"),
    path("legal/accessibility/", legal.accessibility, name="legal_accessibility"),
    path("healthz", health.healthz, name="healthz"),
    path("favicon.ico", http.favicon, name="favicon"),
    path("ui/", gallery.gallery, name="gallery"),
    path("accounts/", include("allauth.urls")),
    *(path("", include(f"{room}.urls")) for room in ROOMS),
]
if settings.DEMO:
    urlpatterns.append(path("demo/", include("deploy.standalone.demo_urls")))

handler400 = "deploy.http.bad_request"
handler403 = "deploy.http.forbidden"
handler404 = "deploy.http.not_found"
handler500 = "deploy.http.server_error"
