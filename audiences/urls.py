from audiences.contacts_api import ContactViewSet
from audiences.events.sdk.views import project_settings, routes
from audiences.lists_api import ListViewSet
from audiences.segments.urls import urlpatterns as segments
from audiences.suppressions_api import SuppressionFileViewSet, SuppressionViewSet
from audiences.uploads_api import UploadsViewSet, UploadViewSet
from common.routing import either

urlpatterns = [
    *routes(),
    *either("v1/projects/<str:write_key>/settings", project_settings, name="sdk_settings"),
    *either("api/v1/contacts", ContactViewSet.as_view({"get": "list", "post": "create"}), name="api_contacts"),
    *either(
        "api/v1/contacts/<id:contact_id>",
        ContactViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="api_contact",
    ),
    *either(
        "api/v1/contacts/<id:contact_id>/consents",
        ContactViewSet.as_view({"get": "consents"}),
        name="api_contact_consents",
    ),
    *either("api/v1/lists", ListViewSet.as_view({"get": "list", "post": "create"}), name="api_lists"),
    *either(
        "api/v1/lists/<id:list_id>",
        ListViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="api_list",
    ),
    *either("api/v1/lists/<id:list_id>/archive", ListViewSet.as_view({"post": "archive"}), name="api_list_archive"),
    *either("api/v1/lists/<id:list_id>/contacts", ListViewSet.as_view({"post": "add"}), name="api_list_add"),
    *either(
        "api/v1/lists/<id:list_id>/contacts/remove", ListViewSet.as_view({"post": "remove"}), name="api_list_remove"
    ),
    *either(
        "api/v1/suppressions", SuppressionViewSet.as_view({"get": "list", "post": "create"}), name="api_suppressions"
    ),
    *either(
        "api/v1/suppressions/import",
        SuppressionFileViewSet.as_view({"post": "create"}),
        name="api_suppressions_import",
    ),
    *either(
        "api/v1/suppressions/<id:suppression_id>",
        SuppressionViewSet.as_view({"delete": "destroy"}),
        name="api_suppression",
    ),
    *either("api/v1/uploads", UploadsViewSet.as_view({"get": "list", "post": "create"}), name="api_uploads"),
    *either(
        "api/v1/uploads/<id:upload_id>",
        UploadViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="api_upload",
    ),
    *either(
        "api/v1/uploads/<id:upload_id>/preview",
        UploadViewSet.as_view({"get": "preview", "post": "try_preview"}),
        name="api_upload_preview",
    ),
    *either("api/v1/uploads/<id:upload_id>/start", UploadViewSet.as_view({"post": "start"}), name="api_upload_start"),
    *either(
        "api/v1/uploads/<id:upload_id>/cancel", UploadViewSet.as_view({"post": "cancel"}), name="api_upload_cancel"
    ),
    *either(
        "api/v1/uploads/<id:upload_id>/rejected", UploadViewSet.as_view({"get": "rejected"}), name="api_upload_rejected"
    ),
    *segments,
]
