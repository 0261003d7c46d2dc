from django.apps import AppConfig


class VolleyConfig(AppConfig):
    name = "config"
    label = "volley_config"
    verbose_name = "Volley"
