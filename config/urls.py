"""All addresses. Each app's `urls` names its own from the root, so that one search finds any of them."""

from django.contrib import admin
from django.urls import include, path

from config.health import healthz
from executions.admin_template_preview import template_preview

urlpatterns = [
    path("healthz", healthz),
    path("healthz/", healthz),
    path("", include("campaigns.urls")),
    path(
        "admin/templates_registry/template/<int:template_id>/preview/",
        admin.site.admin_view(template_preview),
        name="admin_template_preview",
    ),
    path("admin/", admin.site.urls),
]

handler400 = "common.problems.bad_request"
handler404 = "common.problems.page_not_found"
handler500 = "common.problems.server_error"
