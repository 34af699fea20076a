from django.apps import AppConfig


class BenefitCardConfig(AppConfig):
    name = "benefit_card"
    label = "benefit_card"

    def ready(self) -> None:
        from benefit_card import checks  # noqa: F401  # registers what it holds
