from common.routing import either
from executions.api.people import PersonViewSet

urlpatterns = [
    *either("api/v1/contacts/erase", PersonViewSet.as_view({"post": "erase_named"}), name="api_contacts_erase"),
    *either(
        "api/v1/contacts/<id:contact_id>/erase", PersonViewSet.as_view({"post": "erase"}), name="api_contact_erase"
    ),
    *either(
        "api/v1/contacts/<id:contact_id>/export", PersonViewSet.as_view({"get": "export"}), name="api_contact_export"
    ),
]
