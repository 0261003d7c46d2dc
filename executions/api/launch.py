"""`POST /api/v1/campaigns/{id}/execute` and `…/test`.

They live here because a launch makes an execution, and campaigns know nothing of those.
"""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audiences.models import Contact
from campaigns.selectors import get_campaign
from common.errors import FieldError
from common.idempotency import idempotent
from common.personalization import personalization_errors
from common.schema import IDEMPOTENCY_KEY
from common.serializers import Reading, read
from executions.api import examples, schedule_examples
from executions.api.launch_serializers import (
    DryRun,
    ExecuteBody,
    Executed,
    TrialBody,
    TrialSent,
    executed_wire,
    launch_request,
)
from executions.api.schedule_serializers import Recurring
from executions.enqueue import enqueue_next
from executions.launching.dry_run import dry_run
from executions.launching.launch import launch
from executions.launching.test_sends import NOTHING_SENT, send_test
from executions.models import Schedule
from executions.scheduling.creating import create_schedule, judged, recurs
from executions.scheduling.wire import schedule_wire
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope


class ExecuteView(APIView):
    required_scopes = Scope.EXECUTIONS_LAUNCH

    @extend_schema(
        operation_id="campaigns_execute",
        summary="Execute a campaign",
        description="Launches the campaign to the audience named: at once, at the instant `scheduled_for`, or as "
        "`schedule` says: by a zone's clocks, in each recipient's local time, or again and again. Executing twice "
        "without an Idempotency-Key makes two executions, unless the campaign is `once`. "
        "With `dry_run` it tells what would happen, and writes nothing.",
        parameters=[IDEMPOTENCY_KEY],
        request=ExecuteBody,
        responses=PolymorphicProxySerializer(
            component_name="ExecuteAnswer", serializers=[Executed, Recurring, DryRun], resource_type_field_name=None
        ),
        examples=[
            OpenApiExample("To a list", examples.EXECUTE, request_only=True),
            OpenApiExample("To contacts named one by one", examples.EXECUTE_INLINE, request_only=True),
            OpenApiExample("By the clocks of Berlin", schedule_examples.EXECUTE_ON_A_CLOCK, request_only=True),
            OpenApiExample("In each recipient's local time", schedule_examples.EXECUTE_LOCALLY, request_only=True),
            OpenApiExample("Mondays and Thursdays", schedule_examples.EXECUTE_AGAIN_AND_AGAIN, request_only=True),
            OpenApiExample("Accepted", examples.EXECUTED, response_only=True),
            OpenApiExample("Scheduled to recur", schedule_examples.RECURRING, response_only=True),
            OpenApiExample("Dry run", examples.DRY_RUN, response_only=True),
        ],
    )
    def post(self, request: Request, campaign_id: int) -> Response:
        reading = read(ExecuteBody, request.data)
        if reading.values.get("dry_run"):
            campaign = get_campaign(campaign_id=campaign_id, workspace_id=workspace_of(request).pk)
            return Response(dry_run(campaign=campaign, request=judged(campaign, launch_request(reading))))
        return self._launch(request, campaign_id, reading)

    @idempotent
    def _launch(self, request: Request, campaign_id: int, reading: Reading) -> Response:
        campaign = get_campaign(campaign_id=campaign_id, workspace_id=workspace_of(request).pk)
        asked = launch_request(reading)
        if recurs(asked):
            return Response(_recurring(create_schedule(campaign=campaign, request=asked, actor=actor_of(request))))
        launched = launch(campaign=campaign, request=asked, actor=actor_of(request))
        execution = launched.execution
        transaction.on_commit(lambda: enqueue_next(execution.pk, execution.state), robust=True)
        return Response(executed_wire(launched))


def _recurring(schedule: Schedule) -> dict[str, Any]:
    words = "Campaign scheduled to recur"
    return {"status": "success", "message": words, "execution_id": None, **schedule_wire(schedule)}


class TestSendView(APIView):
    required_scopes = Scope.EXECUTIONS_LAUNCH

    @extend_schema(
        operation_id="campaigns_test",
        summary="Send a test",
        description="Sends the campaign's message to at most 10 addresses, and answers what the provider said. "
        "It is no execution: the ledger and the frequency caps know nothing of it.",
        request=TrialBody,
        responses=TrialSent,
        examples=[
            OpenApiExample("To oneself", examples.TEST, request_only=True),
            OpenApiExample("Sent", examples.TESTED, response_only=True),
        ],
    )
    def post(self, request: Request, campaign_id: int) -> Response:
        workspace_id = workspace_of(request).pk
        campaign = get_campaign(campaign_id=campaign_id, workspace_id=workspace_id)
        reading = read(TrialBody, request.data)
        given = reading.values
        personalization = given.get("personalization") or {}
        contact, errors = _contact(workspace_id, given.get("external_id"))
        errors += personalization_errors(personalization, field="personalization")
        reading.refuse_with(errors, detail=NOTHING_SENT)
        results = send_test(
            campaign=campaign,
            addresses=given.get("addresses", []),
            contact=contact,
            personalization=personalization,
            actor=actor_of(request),
            app_id=given.get("app_id"),
        )
        shown = [{"address": one.address, "ok": one.ok, "message": one.message} for one in results]
        message = "Test sent" if all(one.ok for one in results) else "The provider did not take every test"
        answer: dict[str, Any] = {"status": "success", "message": message, "campaign_id": campaign.pk}
        return Response({**answer, "results": shown})


def _contact(workspace_id: int, external_id: str | None) -> tuple[Contact | None, list[FieldError]]:
    if not external_id:
        return None, []
    found = Contact.objects.filter(workspace_id=workspace_id, external_id=external_id).first()
    if found is not None:
        return found, []
    message = "This workspace has no such contact."
    return None, [FieldError("external_id", "not_found", message, external_id[:100])]
