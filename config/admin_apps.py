"""Installs our admin site where Unfold would install its own, before any app registers a page."""

from django.apps import AppConfig


class VolleyUnfoldConfig(AppConfig):
    name = "unfold"

    def ready(self) -> None:
        from django.contrib import admin
        from django.contrib.admin import sites

        from config.admin_site import VolleyAdminSite

        site = VolleyAdminSite()
        admin.site = site
        sites.site = site
