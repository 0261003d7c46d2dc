"""`/api/v1/campaigns/{id}/activate`, `…/deactivate` and `…/activation`: a campaign that events trigger.

They live here because a trigger makes executions, and campaigns know nothing of those.
"""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from campaigns.models import Campaign
from campaigns.selectors import get_campaign
from common.idempotency import idempotent
from common.schema import IDEMPOTENCY_KEY
from common.serializers import read, read_or_refuse
from executions.api import activation_examples as examples
from executions.api.activation_serializers import (
    ActivateBody,
    ActivationAnswer,
    ActivationRead,
    DeactivateBody,
    activation_request,
)
from executions.models import TriggerActivation
from executions.reading.activations import activation_wire, last_activation
from executions.triggering.services import activate_trigger, deactivate_trigger
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope


class ActivateView(APIView):
    required_scopes = Scope.EXECUTIONS_LAUNCH

    @extend_schema(
        operation_id="campaigns_activate",
        summary="Activate a triggered campaign",
        description="From now on events that fit the campaign's trigger are sent upon, with its template and policies "
        "as they are now. Asking again changes nothing, and answers what it is active with.",
        parameters=[IDEMPOTENCY_KEY],
        request=ActivateBody,
        responses=ActivationAnswer,
        examples=[
            OpenApiExample("With an offer", examples.ACTIVATE, request_only=True),
            OpenApiExample("Activated", examples.ACTIVATED, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, campaign_id: int) -> Response:
        campaign = _campaign(request, campaign_id)
        asked = activation_request(read(ActivateBody, request.data))
        done = activate_trigger(campaign=campaign, request=asked, actor=actor_of(request))
        message = "Campaign activated successfully" if done.made else "The campaign is active already"
        return _answer(message, campaign, done.activation)


class DeactivateView(APIView):
    required_scopes = Scope.EXECUTIONS_LAUNCH

    @extend_schema(
        operation_id="campaigns_deactivate",
        summary="Deactivate a triggered campaign",
        description="No event from now on is sent upon. Who waits for the delay gets nothing, unless `drop_waiting` is "
        "false; asking again without that drops who waits still. What is in an execution already goes on: pause or "
        "cancel that.",
        parameters=[IDEMPOTENCY_KEY],
        request=DeactivateBody,
        responses=ActivationAnswer,
        examples=[
            OpenApiExample("At once", examples.DEACTIVATE, request_only=True),
            OpenApiExample("Deactivated", examples.DEACTIVATED, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, campaign_id: int) -> Response:
        campaign = _campaign(request, campaign_id)
        given = read_or_refuse(DeactivateBody, request.data)
        drop_waiting = given.get("drop_waiting") is not False
        ended = deactivate_trigger(campaign=campaign, actor=actor_of(request), drop_waiting=drop_waiting)
        message = "Campaign deactivated successfully" if ended else "The campaign was never active"
        return _answer(message, campaign, ended)


class ActivationView(APIView):
    required_scopes = Scope.CAMPAIGNS_READ

    @extend_schema(
        operation_id="campaigns_activation",
        summary="Read how a triggered campaign does",
        description="Its present activation, or the last one: what it sends, and what became of its events.",
        responses=ActivationRead,
        examples=[OpenApiExample("Active", examples.ACTIVATION, response_only=True)],
    )
    def get(self, request: Request, campaign_id: int) -> Response:
        campaign = _campaign(request, campaign_id)
        return Response(activation_wire(campaign, last_activation(campaign.pk)))


def _campaign(request: Request, campaign_id: int) -> Campaign:
    return get_campaign(campaign_id=campaign_id, workspace_id=workspace_of(request).pk)


def _answer(message: str, campaign: Campaign, activation: TriggerActivation | None) -> Response:
    return Response({"status": "success", "message": message, **activation_wire(campaign, activation)})
