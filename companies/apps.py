from typing import Any

from django.apps import AppConfig


class CompaniesConfig(AppConfig):
    name = "companies"

    def ready(self) -> None:
        """No form and no program gives us a day that is not of our time: one rule for every date field there is."""
        from django import forms
        from rest_framework import serializers

        from companies.forms import near

        kinds: list[Any] = [forms.DateField, forms.DateTimeField, serializers.DateField, serializers.DateTimeField]
        for kind in kinds:
            kind.default_validators = [near]
