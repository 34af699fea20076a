"""The project package."""

from django.apps import AppConfig


class DeployConfig(AppConfig):
    name = "deploy"
    label = "deploy"

    def ready(self) -> None:
        from deploy import openapi  # noqa: F401 - its extensions register themselves
