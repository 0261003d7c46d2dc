"""All addresses. Each app's `urls` names its own from the root, so that one search finds any of them."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from config.api_description import ApiDescriptionView
from config.problem_pages import problem_index, problem_page
from executions.admin_pages import people
from executions.admin_pages.erase_address import erase_address_view
from executions.admin_pages.template_preview import template_preview

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}admin/favicon.svg")),
    path("api/schema", ApiDescriptionView.as_view(), name="api_schema"),
    path("api/schema/", ApiDescriptionView.as_view()),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="api_schema"), name="api_docs"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api_schema")),
    path("api/docs/problems/", problem_index),
    path("api/docs/problems/<slug:code>", problem_page, name="api_problem"),
    path("api/docs/problems/<slug:code>/", problem_page),
    path("", include("audiences.urls")),
    path("", include("campaigns.urls")),
    path("", include("templates_registry.urls")),
    path("", include("executions.api.urls")),
    path("", include("executions.api.people_urls")),
    path("", include("executions.unsubscribing.urls")),
    path(
        "admin/templates_registry/template/<int:template_id>/preview/",
        admin.site.admin_view(template_preview),
        name="admin_template_preview",
    ),
    path(
        "admin/audiences/contact/erase-address/",
        admin.site.admin_view(erase_address_view),
        name="admin_address_erase",
    ),
    path(
        "admin/audiences/contact/<int:contact_id>/erase/",
        admin.site.admin_view(people.erase_view),
        name="admin_contact_erase",
    ),
    path(
        "admin/audiences/contact/<int:contact_id>/export/",
        admin.site.admin_view(people.export_view),
        name="admin_contact_export",
    ),
    path("admin/", admin.site.urls),
]

handler400 = "common.problems.bad_request"
handler404 = "common.problems.page_not_found"
handler500 = "common.problems.server_error"
