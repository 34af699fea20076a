from django.apps import AppConfig


class BenefitCardConfig(AppConfig):
    name = "benefit_card"
    label = "benefit_card"
