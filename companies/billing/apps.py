from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "companies.billing"
    label = "billing"

    def ready(self) -> None:
        from companies.billing import checks  # noqa: F401  # registers what it holds
