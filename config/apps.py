from importlib import import_module

from django.apps import AppConfig


class VolleyConfig(AppConfig):
    name = "config"
    label = "volley_config"
    verbose_name = "Volley"

    def ready(self) -> None:
        import_module("config.checks")
