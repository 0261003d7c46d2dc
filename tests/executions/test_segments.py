"""Executions to segments: who fits when it is planned is frozen, by one snapshot, and never changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from audiences.models import Contact, Segment
from audiences.segments.periods import Moment
from common.authorship import SYSTEM
from common.errors import Invalid
from executions.delivery import freezing, planning
from executions.delivery.planning import Planned, plan
from executions.launching.dry_run import dry_run
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from executions.models import Batch, Execution, FrozenSegment
from executions.states import State
from tests.api_client import Api
from tests.factories import make_campaign, make_contact, make_contacts, make_list, make_segment
from tests.waiting import PATIENCE
from workspaces.models import Workspace

PRO: dict[str, Any] = {
    "type": "attribute", "name": "plan", "value_type": "text", "operator": "equals", "value": "pro",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "TURN_SECONDS", PATIENCE)


def launched(workspace: Workspace, audience: dict[str, Any], **fields: Any) -> Execution:
    request = LaunchRequest(audience=audience, **fields)
    return launch(campaign=make_campaign(workspace), request=request, actor=SYSTEM).execution


def planned(execution: Execution) -> list[int]:
    batches = Batch.objects.filter(execution=execution).select_related("recipients").order_by("id")
    return [contact for batch in batches for contact in batch.recipients.contact_ids]


def pros(workspace: Workspace, count: int) -> list[Contact]:
    return make_contacts(workspace, count, attributes={"plan": "pro", "first_name": "Ana"})


def ids(contacts: list[Contact]) -> list[int]:
    return [contact.pk for contact in contacts]


def test_everybody_who_fits_is_planned(workspace: Workspace) -> None:
    fitting = pros(workspace, 3)
    make_contacts(workspace, 2)
    made = make_segment(workspace, PRO)
    execution = launched(workspace, {"type": "segment", "id": made.pk})
    assert plan(execution.pk) is Planned.DONE
    assert planned(execution) == ids(fitting)


def test_segments_are_joined_with_lists_and_left_out(workspace: Workspace) -> None:
    fitting, others, gone = pros(workspace, 3), make_contacts(workspace, 2), make_contacts(workspace, 2)
    pro = make_segment(workspace, PRO)
    audience = {"type": "any_of", "sources": [
        {"type": "segment", "id": pro.pk}, {"type": "list", "id": make_list(workspace, [fitting[0], *others]).pk},
    ]}  # fmt: skip
    execution = launched(workspace, audience)
    assert plan(execution.pk) is Planned.DONE
    assert planned(execution) == ids([*fitting, *others])

    everyone_else = launched(workspace, {"type": "all", "exclude": [{"type": "segment", "id": pro.pk}]})
    assert plan(everyone_else.pk) is Planned.DONE
    assert planned(everyone_else) == ids([*others, *gone])


def test_planning_pages_over_who_fitted_at_its_start(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the contacts move between its pages."""
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 2)
    fitting, others = pros(workspace, 5), make_contacts(workspace, 3)
    execution = launched(workspace, {"type": "segment", "id": make_segment(workspace, PRO).pk})
    page = planning._plan_page

    def moving(held: Any) -> bool | None:
        Contact.objects.filter(pk__in=ids(fitting[2:])).update(attributes={"plan": "basic"})
        Contact.objects.filter(pk__in=ids(others)).update(attributes={"plan": "pro"})
        return page(held)

    monkeypatch.setattr(planning, "_plan_page", moving)
    assert plan(execution.pk) is Planned.DONE
    assert planned(execution) == ids(fitting)
    execution.refresh_from_db()
    assert execution.size == 5


def test_of_equal_addresses_one_is_kept_however_people_move(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 1)
    first = make_contact(workspace, email="same@example.test", attributes={"plan": "basic"})
    second = make_contact(workspace, email="same@example.test", attributes={"plan": "pro"})
    execution = launched(workspace, {"type": "segment", "id": make_segment(workspace, PRO).pk})
    page = planning._plan_page

    def moving(held: Any) -> bool | None:
        Contact.objects.filter(pk=first.pk).update(attributes={"plan": "pro"})
        return page(held)

    monkeypatch.setattr(planning, "_plan_page", moving)
    assert plan(execution.pk) is Planned.DONE
    assert planned(execution) == [second.pk]


def test_a_rule_changed_after_the_launch_changes_nothing_of_it(workspace: Workspace) -> None:
    fitting = pros(workspace, 2)
    make_contacts(workspace, 2)
    made = make_segment(workspace, PRO)
    execution = launched(workspace, {"type": "segment", "id": made.pk})
    Segment.objects.filter(pk=made.pk).update(rule={"type": "not", "condition": PRO})
    assert plan(execution.pk) is Planned.DONE
    assert planned(execution) == ids(fitting)
    assert execution.audience["rule"] == PRO


def test_the_rule_is_shown_with_the_execution(workspace: Workspace, api: Api) -> None:
    pros(workspace, 1)
    made = make_segment(workspace, PRO)
    execution = launched(workspace, {"type": "segment", "id": made.pk})
    shown = api.get(f"/api/v1/executions/{execution.pk}").json()["audience"]
    assert shown == {"type": "segment", "id": made.pk, "rule": PRO, "exclude": []}


def test_a_planner_that_was_killed_is_followed_by_one_who_asks_nothing_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "TURN_SECONDS", 0)
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 1)
    fitting = pros(workspace, 3)
    execution = launched(workspace, {"type": "segment", "id": make_segment(workspace, PRO).pk})
    assert plan(execution.pk) is Planned.MORE
    execution.refresh_from_db()
    frozen_at = execution.frozen_at
    Contact.objects.update(attributes={})
    while plan(execution.pk) is Planned.MORE:
        continue
    assert planned(execution) == ids(fitting)
    execution.refresh_from_db()
    assert execution.frozen_at == frozen_at is not None


def test_a_planner_that_lost_its_lease_while_it_froze_leaves_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pros(workspace, 1)
    execution = launched(workspace, {"type": "segment", "id": make_segment(workspace, PRO).pk})
    freeze = freezing._freeze

    def slow(*args: Any) -> None:
        freeze(*args)
        Execution.objects.filter(pk=execution.pk).update(plan_token=None)

    monkeypatch.setattr(freezing, "_freeze", slow)
    assert plan(execution.pk) is Planned.NOT_OURS
    monkeypatch.undo()
    assert not FrozenSegment.objects.exists()
    assert plan(execution.pk) is Planned.DONE
    assert len(planned(execution)) == 1


def test_a_question_that_takes_too_long_fails_the_execution_and_says_why(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pros(workspace, 1)
    execution = launched(workspace, {"type": "segment", "id": make_segment(workspace, PRO).pk})
    freeze = freezing._freeze

    def slow(cursor: Any, *args: Any) -> None:
        freeze(cursor, *args)
        cursor.execute("SET LOCAL statement_timeout = '50ms'; SELECT pg_sleep(30)")

    monkeypatch.setattr(freezing, "_freeze", slow)
    assert plan(execution.pk) is Planned.NOT_OURS
    execution.refresh_from_db()
    assert (execution.state, execution.size) == (State.FAILED, 0)
    assert (execution.state_reason or {})["code"] == "too_slow"
    assert not FrozenSegment.objects.exists()


def test_a_question_that_takes_too_long_ends_an_execution_that_was_cancelled_meanwhile(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pros(workspace, 1)
    execution = launched(workspace, {"type": "segment", "id": make_segment(workspace, PRO).pk})

    def slow(cursor: Any, *args: Any) -> None:
        cursor.execute("SET LOCAL statement_timeout = '50ms'; SELECT pg_sleep(30)")

    freeze = freezing._freeze_once

    def cancelled_first(*args: Any) -> bool:
        Execution.objects.filter(pk=execution.pk).update(state=State.CANCELLING)
        return freeze(*args)

    monkeypatch.setattr(freezing, "_freeze_once", cancelled_first)
    monkeypatch.setattr(freezing, "_freeze", slow)
    assert plan(execution.pk) is Planned.NOT_OURS
    execution.refresh_from_db()
    assert (execution.state, execution.size) == (State.CANCELLED, 0)
    assert execution.finished_at is not None


def test_days_are_those_of_the_planning_in_the_workspaces_zone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    born = make_contact(workspace, attributes={"birthday": "1990-03-08", "first_name": "Ana"})
    rule = {"type": "attribute", "name": "birthday", "value_type": "date", "operator": "anniversary_today"}
    made = make_segment(workspace, {"type": "or", "conditions": [rule, PRO]})
    pros(workspace, 1)
    moment = Moment(datetime(2027, 3, 7, 23, 30, tzinfo=UTC), "Europe/Berlin")
    monkeypatch.setattr(freezing, "moment_of", lambda workspace_id: moment)
    execution = launched(workspace, {"type": "segment", "id": made.pk})
    assert plan(execution.pk) is Planned.DONE
    assert born.pk in planned(execution)
    execution.refresh_from_db()
    assert execution.frozen_at == moment.now


def test_a_scheduled_launch_is_to_who_fits_at_its_time(workspace: Workspace) -> None:
    early = pros(workspace, 1)
    later = make_contacts(workspace, 1)
    at = datetime.now(UTC) + timedelta(days=1)
    made = make_segment(workspace, PRO)
    execution = launched(workspace, {"type": "segment", "id": made.pk}, scheduled_for=at)
    assert execution.state == State.SCHEDULED
    Contact.objects.filter(pk=later[0].pk).update(attributes={"plan": "pro", "first_name": "Bo"})
    Execution.objects.filter(pk=execution.pk).update(state=State.PLANNING, scheduled_for=Now())
    assert plan(execution.pk) is Planned.DONE
    assert planned(execution) == ids([*early, *later])


def test_a_segment_of_nobody_is_refused_and_one_that_is_not_there_too(
    workspace: Workspace, other_workspace: Workspace
) -> None:
    nobody = make_segment(workspace, PRO)
    foreign = make_segment(other_workspace)
    codes = []
    for audience in (
        {"type": "segment", "id": nobody.pk},
        {"type": "segment", "id": foreign.pk},
        {"type": "all", "exclude": [{"type": "segment", "id": 10**12}]},
    ):
        with pytest.raises(Invalid) as refused:
            launched(workspace, audience)
        codes.append([(error.field, error.code) for error in refused.value.errors])
    assert codes == [
        [("audience", "audience_empty")],
        [("audience.id", "not_found")],
        [("audience.exclude[0].id", "not_found")],
    ]


def test_a_dry_run_says_what_the_execution_does_and_writes_nothing(workspace: Workspace) -> None:
    pros(workspace, 3)
    made = make_segment(workspace, PRO)
    listed = make_list(workspace, make_contacts(workspace, 2))
    audience = {"type": "any_of", "sources": [{"type": "segment", "id": made.pk}, {"type": "list", "id": listed.pk}]}
    told = dry_run(campaign=make_campaign(workspace), request=LaunchRequest(audience=audience))
    assert (told["audience"]["size"], told["would_send"]) == (5, 5)
    without = dry_run(
        campaign=make_campaign(workspace),
        request=LaunchRequest(audience={"type": "all", "exclude": [{"type": "segment", "id": made.pk}]}),
    )
    assert (without["audience"]["size"], without["audience"]["excluded"]) == (2, 3)
    assert not FrozenSegment.objects.exists()
    assert not Execution.objects.exists()


@pytest.mark.parametrize("field", ["segment_id", "segment_ids", "data_source_id"])
def test_the_compatible_wire_sends_to_a_segment(workspace: Workspace, api: Api, field: str) -> None:
    fitting = pros(workspace, 2)
    made = make_segment(workspace, PRO)
    value: Any = [str(made.pk)] if field == "segment_ids" else str(made.pk)
    body = {"type": "email", "campaign_id": make_campaign(workspace).pk, "data_source": "segment", field: value}
    answer = api.post("/campaign/execute", body)
    assert answer.status_code == 200, answer.content
    execution = Execution.objects.get(pk=answer.json()["execution_id"])
    assert plan(execution.pk) is Planned.DONE
    assert planned(execution) == ids(fitting)


def test_the_frozen_take_a_row_for_256_neighbours(workspace: Workspace) -> None:
    pros(workspace, 300)
    execution = launched(workspace, {"type": "segment", "id": make_segment(workspace, PRO).pk})
    assert plan(execution.pk) is Planned.DONE
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(bit_count(members)) FROM executions_frozensegment")
        blocks, members = cursor.fetchone()
    assert (blocks <= 3, members) == (True, 300)
