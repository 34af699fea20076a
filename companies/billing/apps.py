from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "companies.billing"
    label = "billing"
