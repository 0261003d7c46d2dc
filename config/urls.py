from django.contrib import admin
from django.urls import path

from config.health import healthz
from executions.admin_template_preview import template_preview

urlpatterns = [
    path("healthz", healthz),
    path(
        "admin/templates_registry/template/<int:template_id>/preview/",
        admin.site.admin_view(template_preview),
        name="admin_template_preview",
    ),
    path("admin/", admin.site.urls),
]
