"""`/api/v1/campaigns`: create, read, change, archive. Nothing here launches anything."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from campaigns import examples
from campaigns.models import Campaign
from campaigns.selectors import campaigns_of, get_campaign
from campaigns.serializers import (
    CampaignAnswer,
    CampaignChange,
    CampaignCreated,
    CampaignPage,
    CampaignQuery,
    CampaignRead,
    CampaignWrite,
    campaigns_on_wire,
)
from campaigns.services import (
    NOTHING_CREATED,
    archive_campaign,
    campaign_errors,
    create_campaign,
    update_campaign,
    update_errors,
)
from common.idempotency import bodiless, idempotent
from common.pagination import by_id, present, read_page, read_rows
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import read, read_query
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope


class CampaignViewSet(ViewSet):
    required_scopes = {
        "list": Scope.CAMPAIGNS_READ,
        "retrieve": Scope.CAMPAIGNS_READ,
        "create": Scope.CAMPAIGNS_WRITE,
        "partial_update": Scope.CAMPAIGNS_WRITE,
        "archive": Scope.CAMPAIGNS_WRITE,
    }

    @extend_schema(
        summary="List campaigns, newest first",
        parameters=[CampaignQuery, *PAGE_PARAMETERS],
        responses=CampaignPage,
        examples=[OpenApiExample("Campaigns", examples.PAGE, response_only=True)],
    )
    def list(self, request: Request) -> Response:
        filters = read_query(CampaignQuery, request.query_params)
        found = campaigns_of(workspace_id=workspace_of(request).pk, **filters)
        page = read_rows(found, read_page(request.query_params))
        shown = {one["campaign_id"]: one for one in campaigns_on_wire(page.rows)}
        return Response(present(request, page, lambda campaign: shown[campaign.pk], key=by_id))

    @extend_schema(
        summary="Create a campaign",
        description="Stores a campaign and launches nothing: it rests until execute is called with its id, or, with a "
        "trigger, until it is activated.",
        parameters=[IDEMPOTENCY_KEY],
        request=CampaignWrite,
        responses={200: CampaignCreated},
        examples=[
            OpenApiExample("A push campaign", examples.CREATE, request_only=True),
            OpenApiExample("One that events trigger", examples.CREATE_TRIGGERED, request_only=True),
            OpenApiExample("One for an event of the business", examples.CREATE_FOR_BUSINESS, request_only=True),
            OpenApiExample("Created", examples.CREATED, response_only=True),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        workspace_id = workspace_of(request).pk
        reading = read(CampaignWrite, request.data)
        if reading.errors:
            known = campaign_errors(workspace_id=workspace_id, **reading.values)
            reading.refuse_with(known, detail=NOTHING_CREATED)
        campaign = create_campaign(workspace_id=workspace_id, actor=actor_of(request), **reading.values)
        answer = _answer("Campaign created successfully", campaign)
        del answer.data["updated_at"]  # it says what `created_at` says
        return answer

    @extend_schema(
        summary="Read a campaign",
        responses=CampaignRead,
        examples=[OpenApiExample("A campaign", examples.CAMPAIGN, response_only=True)],
    )
    def retrieve(self, request: Request, campaign_id: int) -> Response:
        campaign = get_campaign(campaign_id=campaign_id, workspace_id=workspace_of(request).pk)
        return Response(campaigns_on_wire([campaign])[0])

    @extend_schema(
        summary="Change a campaign",
        description="Changes the fields that are named. Executions keep what they froze at their launch, and an active "
        "campaign what it was activated with. Its trigger can't be changed: 409 `active`.",
        request=CampaignChange,
        responses={200: CampaignAnswer},
        examples=[
            OpenApiExample("Other tags", {"tags": ["Sale"]}, request_only=True),
            OpenApiExample("Changed", examples.CHANGED, response_only=True),
        ],
    )
    def partial_update(self, request: Request, campaign_id: int) -> Response:
        workspace_id = workspace_of(request).pk
        campaign = get_campaign(campaign_id=campaign_id, workspace_id=workspace_id)
        reading = read(CampaignChange, request.data)
        if reading.errors:
            reading.refuse_with(update_errors(campaign=campaign, **reading.values))
        campaign = update_campaign(
            campaign_id=campaign_id, workspace_id=workspace_id, actor=actor_of(request), **reading.values
        )
        answer = _answer("Campaign changed successfully", campaign)
        if answer.data["active"] and reading.values:
            answer.data["warnings"].append(SENT_LATER)
        return answer

    @extend_schema(
        summary="Archive a campaign",
        description="Puts it away: it can't be changed or executed any more. Asking again changes nothing. "
        "An active one is refused with 409 `active`: deactivate it first.",
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={200: CampaignAnswer},
        examples=[OpenApiExample("Archived", examples.ARCHIVED, response_only=True)],
    )
    @bodiless
    def archive(self, request: Request, campaign_id: int) -> Response:
        campaign = archive_campaign(
            campaign_id=campaign_id, workspace_id=workspace_of(request).pk, actor=actor_of(request)
        )
        return _answer("Campaign archived successfully", campaign)


SENT_LATER = {
    "field": "active",
    "code": "applies_later",
    "message": "The campaign is active and goes on sending what it was activated with. Deactivate and activate it to "
    "send what was changed.",
}


def _answer(message: str, campaign: Campaign) -> Response:
    return Response({"status": "success", "message": message, **campaigns_on_wire([campaign])[0]})
