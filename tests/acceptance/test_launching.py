"""Schedules, dry runs, precedence, caps and idempotency, against the running stack."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from executions.models import Execution, FrequencyCap, Heartbeat
from providers.models import SandboxMessage
from tests.factories import (
    make_address,
    make_app,
    make_campaign,
    make_contact,
    make_contacts,
    make_list,
    make_schedule,
    make_template,
)
from tests.running.client import Client
from tests.running.processes import Stack
from tests.waiting import wait_until
from workspaces.models import Workspace

AT_MOST = timedelta(seconds=5)
TRIES = 8
"""A machine that stalls once may be late once; who is late by himself is late each time."""


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def started(answer: Any) -> datetime:
    return datetime.fromisoformat(answer["started_at"])


def test_a_scheduled_execution_starts_within_five_seconds_of_its_time(
    stack: Stack, client: Client, workspace: Workspace
) -> None:
    make_contacts(workspace, 3)
    campaign_id = client.create(template_id=make_template(workspace).pk)
    assert any(_lateness(client, campaign_id) <= AT_MOST for _ in range(TRIES))


def _lateness(client: Client, campaign_id: int) -> timedelta:
    """Of one execution of three people, scheduled for five seconds from now."""
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)  # as exact as the answer
    execution_id = client.execute(campaign_id, {"type": "all"}, scheduled_for=rfc3339(moment))
    state = client.execution(execution_id)["state"]
    assert state == "scheduled" or datetime.now(UTC) >= moment
    done = client.wait_for(execution_id)
    assert done["counts"]["sent"] == 3
    assert started(done) >= moment
    return started(done) - moment


def test_an_execution_whose_time_came_while_beat_was_down_starts_when_beat_is_back(
    stack: Stack, client: Client, workspace: Workspace
) -> None:
    make_contacts(workspace, 3)
    campaign_id = client.create(template_id=make_template(workspace).pk)
    assert any(_lateness_after_beat(stack, client, campaign_id) <= AT_MOST for _ in range(TRIES))


def _lateness_after_beat(stack: Stack, client: Client, campaign_id: int) -> timedelta:
    """From beat's first sign of life to the start of an execution whose time came before it."""
    stack.beat.stop()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    execution_id = client.execute(campaign_id, {"type": "all"}, scheduled_for=rfc3339(tomorrow))
    moment = datetime.now(UTC)
    Execution.objects.filter(pk=execution_id).update(scheduled_for=moment)
    before = client.execution(execution_id)["state"]
    stack.beat.start()
    back = wait_until(lambda: _first_beat(since=moment), "beat is back")
    assert back is not None
    done = client.wait_for(execution_id)
    assert done["counts"]["sent"] == 3
    # Started before, it was found by a sweep that beat had asked for before it was stopped.
    return started(done) - back if before == "scheduled" else timedelta.max


def test_a_run_that_is_due_is_made_and_sent(stack: Stack, client: Client, workspace: Workspace) -> None:
    """And of the ten days before it nothing but a number is left."""
    make_contacts(workspace, 3)
    campaign = make_campaign(workspace, template=make_template(workspace))
    starts = datetime.now(UTC).replace(microsecond=0, tzinfo=None) - timedelta(days=10)
    schedule = make_schedule(campaign, starts=starts)
    made = wait_until(lambda: Execution.objects.filter(schedule=schedule).first(), "beat has made the run")
    assert made is not None
    assert client.wait_for(made.pk)["counts"]["sent"] == 3
    schedule.refresh_from_db()
    assert (schedule.runs, schedule.missed, Execution.objects.filter(schedule=schedule).count()) == (1, 10, 1)


def _first_beat(*, since: datetime) -> datetime | None:
    """When a beat said that it lives, by the database's clock."""
    return Heartbeat.objects.filter(component="beat", seen_at__gt=since).values_list("seen_at", flat=True).first()


def test_one_recipient_proves_each_level_of_precedence(client: Client, workspace: Workspace) -> None:
    levels = ("v1", "v2", "v3", "v4", "v5")
    content = {"title": " ".join(f"{{{{ {name} }}}}" for name in levels), "body": "{{ campaign.name }}"}
    template = make_template(workspace, "push", content=content, defaults=dict.fromkeys(levels, "default"))
    contact = make_contact(workspace, attributes=dict.fromkeys(levels[2:], "contact"))
    app = make_app(workspace)
    make_address(contact, "push", app=app, value=f"token-w{workspace.pk}", platform="ios")
    campaign_id = client.create(
        type="push",
        template_id=template.pk,
        app_ids=[app.app_id],
        personalization=dict.fromkeys(levels[1:], "campaign"),
    )
    execution_id = client.execute(
        campaign_id,
        {
            "type": "contacts",
            "contacts": [{"external_id": contact.external_id, "personalization": {"v5": "recipient"}}],
        },
        personalization=dict.fromkeys(levels[3:], "execution"),
    )
    client.wait_for(execution_id)
    message = SandboxMessage.objects.get(execution_id=execution_id)
    assert message.content["title"] == "default campaign contact execution recipient"
    assert message.content["body"] == "Spring news"


def test_the_dry_run_counts_what_the_execution_does(client: Client, workspace: Workspace) -> None:
    FrequencyCap.objects.create(workspace=workspace, type="email", max=1, window_seconds=86400)
    regulars = make_contacts(workspace, 5)
    first = client.create(template_id=make_template(workspace).pk)
    client.wait_for(client.execute(first, {"type": "list", "id": make_list(workspace, regulars).pk}))
    make_contacts(workspace, 7)
    make_contact(workspace, email=None)
    make_contact(workspace, attributes={"first_name": "  "})
    campaign_id = client.create(template_id=make_template(workspace).pk)
    launch = {"audience": {"type": "all"}, "dry_run": True}
    told = client.ok("POST", f"/api/v1/campaigns/{campaign_id}/execute", launch)
    assert told["dry_run"] is True
    assert told["exact"] is True
    assert not Execution.objects.filter(campaign_id=campaign_id).exists()

    done = client.wait_for(client.execute(campaign_id, {"type": "all"}))

    assert told["audience"]["size"] == done["size"] == 14
    assert told["would_send"] == done["counts"]["sent"] == 7
    shown = {reason: count for reason, count in told["skipped"].items() if count}
    assert shown == done["reasons"]["skipped"] == {"unreachable": 1, "missing_variable": 1, "frequency_cap": 5}


def test_capping_true_skips_and_names_the_rule_and_false_sends(client: Client, workspace: Workspace) -> None:
    FrequencyCap.objects.create(workspace=workspace, type="email", max=1, window_seconds=86400)
    make_contacts(workspace, 4)
    campaign_id = client.create(template_id=make_template(workspace).pk)
    assert client.wait_for(client.execute(campaign_id, {"type": "all"}))["counts"]["sent"] == 4

    capped = client.execute(campaign_id, {"type": "all"}, frequency_capping=True)
    assert client.wait_for(capped)["reasons"]["skipped"] == {"frequency_cap": 4}
    assert {row["detail"] for row in client.deliveries(capped)} == {"1 email in 24 h"}

    free = client.execute(campaign_id, {"type": "all"}, frequency_capping=False)
    assert client.wait_for(free)["counts"]["sent"] == 4


def test_two_executions_racing_for_one_cap_never_exceed_it(client: Client, workspace: Workspace) -> None:
    FrequencyCap.objects.create(workspace=workspace, type="", max=2, window_seconds=3600)
    people = make_contacts(workspace, 120)
    campaign_ids = [client.create(template_id=make_template(workspace).pk) for _ in range(4)]
    with ThreadPoolExecutor(4) as callers:
        executions = list(callers.map(lambda campaign: client.execute(campaign, {"type": "all"}), campaign_ids))
    for execution_id in executions:
        client.wait_for(execution_id)
    sent = Counter(SandboxMessage.objects.filter(execution_id__in=executions).values_list("address", flat=True))
    assert len(sent) == len(people)
    assert set(sent.values()) == {2}


def test_fifty_equal_executes_at_once_make_one_execution(client: Client, workspace: Workspace) -> None:
    make_contacts(workspace, 3)
    campaign_id = client.create(template_id=make_template(workspace).pk)
    body = {"audience": {"type": "all"}}
    path = f"/api/v1/campaigns/{campaign_id}/execute"

    def execute(_: int) -> Any:
        return client.request("POST", path, body, **{"Idempotency-Key": "spring-2026"})

    with ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(execute, range(50)))
    assert {answer.status for answer in answers} <= {200, 409}
    accepted = {answer.json()["execution_id"] for answer in answers if answer.status == 200}
    assert len(accepted) == 1
    again = client.request("POST", path, body, **{"Idempotency-Key": "spring-2026"})
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["execution_id"] in accepted
    assert client.wait_for(accepted.pop())["counts"]["sent"] == 3
    assert Execution.objects.filter(campaign_id=campaign_id).count() == 1
