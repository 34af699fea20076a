"""Pages of the room."""

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from companies.views import progress

app_name = "companies"
urlpatterns: list[URLPattern | URLResolver] = [
    path("jobs/<uuid:pk>/", progress.job, name="job"),
    path("jobs/<uuid:pk>/progress/", progress.job_progress, name="job_progress"),
]
if find_spec("companies.people_urls"):
    urlpatterns += [path("", include("companies.people_urls"))]
