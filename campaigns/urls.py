from campaigns.api import CampaignViewSet
from common.routing import either

urlpatterns = [
    *either("api/v1/campaigns", CampaignViewSet.as_view({"get": "list", "post": "create"}), name="api_campaigns"),
    *either(
        "api/v1/campaigns/<id:campaign_id>",
        CampaignViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="api_campaign",
    ),
    *either(
        "api/v1/campaigns/<id:campaign_id>/archive",
        CampaignViewSet.as_view({"post": "archive"}),
        name="api_campaign_archive",
    ),
]
