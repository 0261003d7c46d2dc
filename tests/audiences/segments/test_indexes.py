"""How PostgreSQL answers conditions: what keeps a count over a million contacts under a second."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection
from psycopg.sql import SQL, Composable, Identifier, Literal

from audiences.segments.compiling import rule_sql
from audiences.segments.frozen import frozen_sql
from audiences.segments.periods import Moment
from audiences.segments.reading import read_rule
from common.partitions import ensure_partition as make_partition
from executions.delivery.partitions import ensure_partition
from executions.states import State
from tests.factories import make_campaign, make_execution
from tests.planner import by_index_alone, on_new_pages
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
MOMENT = Moment(datetime.now(UTC), "UTC")
PRO = {"type": "attribute", "name": "plan", "value_type": "text", "operator": "equals", "value": "pro"}
ORDERED = {"type": "event", "operator": "did", "name": "order_placed"}


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: Any) -> Any:
    """20,000 contacts with events in a transaction of its own, and statistics, so that PostgreSQL chooses as it
    would: nothing about the planner is set."""
    with django_db_blocker.unblock():
        from django.db import transaction

        from tests.factories import make_workspace

        with transaction.atomic():
            on_new_pages("executions_delivery", "audiences_contact", "audiences_event", "audiences_listmembership")
            workspace = make_workspace()
            with connection.cursor() as cursor:
                cursor.execute(_CROWD, {"workspace": workspace.pk})
                cursor.execute(_EVENTS, {"workspace": workspace.pk})
                # As autovacuum does: new rows leave the list of what is yet to be indexed.
                cursor.execute("SELECT gin_clean_pending_list('contact_by_attribute'::regclass)")
                cursor.execute("ANALYZE audiences_contact; ANALYZE audiences_event; ANALYZE audiences_listmembership")
            yield workspace
            transaction.set_rollback(True)
        with connection.cursor() as cursor:
            # What ANALYZE wrote of the tables' sizes, and the pages themselves, outlast the rollback.
            cursor.execute("VACUUM (ANALYZE) audiences_contact, audiences_event")


_CROWD = """
INSERT INTO audiences_contact (workspace_id, attributes, locale, timezone, temporary)
SELECT %(workspace)s, jsonb_build_object('plan', CASE WHEN i %% 200 = 0 THEN 'pro' ELSE 'basic' END, 'points', i,
    'city', 'city ' || i %% 500, 'tags', jsonb_build_array('tag' || i %% 300), 'padding', repeat('x', 200)),
    '', '', false
FROM generate_series(1, 20000) i
"""
_EVENTS = """
INSERT INTO audiences_event (workspace_id, received_month, contact_id, source, name, at, received_at, message_id,
    message_key, properties)
SELECT %(workspace)s, date_trunc('month', now() AT TIME ZONE 'UTC'), c.id, 'server',
    CASE WHEN n %% 20 = 0 THEN 'order_placed' ELSE 'page_viewed' END, now(), now(), 'm', gen_random_uuid(), '{}'
FROM audiences_contact c, generate_series(1, 2) n, LATERAL (SELECT 1) one
WHERE c.workspace_id = %(workspace)s
"""


def plan_of(workspace: Workspace, condition: Composable) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("EXPLAIN (COSTS OFF) SELECT count(*) FROM audiences_contact c WHERE c.workspace_id = {} AND {}").format(
                Literal(workspace.pk), condition
            )
        )
        return "\n".join(row[0] for row in cursor.fetchall())


def plan(workspace: Workspace, rule: dict[str, Any]) -> str:
    reading = read_rule(rule)
    assert reading.errors == []
    return plan_of(workspace, rule_sql(reading.rule, workspace_id=workspace.pk, moment=MOMENT))


@pytest.mark.parametrize(
    "rule",
    [
        PRO,
        PRO | {"operator": "in", "values": ["pro", "gold"], "value": None},
        PRO | {"name": "points", "value_type": "number", "value": 7},
        {"type": "attribute", "name": "tags", "value_type": "list", "operator": "has", "value": "tag7"},
        {"type": "attribute", "name": "tags", "value_type": "list", "operator": "has_any", "values": ["tag7", "tag8"]},
        {"type": "attribute", "name": "tags", "value_type": "list", "operator": "has_all", "values": ["tag7"]},
        {"type": "and", "conditions": [PRO, {"type": "locale", "operator": "not_exists"}]},
    ],
    ids=["text", "in", "number", "has", "has_any", "has_all", "and"],
)
def test_equality_and_containment_are_answered_by_the_index_on_attributes(
    crowd: Workspace, rule: dict[str, Any]
) -> None:
    rule = {name: value for name, value in rule.items() if value is not None}
    assert "Bitmap Index Scan on contact_by_attribute" in plan(crowd, rule)


def test_two_equalities_read_only_the_rows_that_have_both(crowd: Workspace) -> None:
    both = {"type": "and", "conditions": [PRO, PRO | {"name": "city", "value": "city 7"}]}
    found = plan(crowd, both)
    assert found.count("contact_by_attribute") >= 1
    assert "Seq Scan on audiences_contact" not in found


def test_who_did_something_is_found_by_set_through_the_index_on_events(crowd: Workspace) -> None:
    rare = plan(crowd, ORDERED | {"name": "never"})
    assert "name_contact_id_at_idx" in rare
    assert "SubPlan" not in rare
    window = {"within": {"last": 7, "unit": "days"}}
    did_not = plan(crowd, ORDERED | {"operator": "did_not"} | window)
    assert "Anti Join" in did_not
    several = plan(crowd, ORDERED | {"count": {"operator": "at_least", "value": 3}})
    assert "SubPlan" not in several
    assert "Aggregate" in several


def test_events_of_a_window_are_looked_for_in_its_months_only(crowd: Workspace) -> None:
    make_partition(["audiences_event"], date(2020, 1, 1))
    recent = ORDERED | {"within": {"last": 30, "unit": "days"}}
    assert "audiences_event_2020_01" in plan(crowd, ORDERED)
    assert "audiences_event_2020_01" not in plan(crowd, recent)


def test_a_condition_under_or_hashes_or_looks_up_and_never_scans_for_each(crowd: Workspace) -> None:
    found = plan(crowd, {"type": "or", "conditions": [PRO, ORDERED]})
    assert "hashed SubPlan" in found or "Index" in found.split("SubPlan", 1)[1]


def test_past_campaigns_are_ranges_of_the_ledgers_key(crowd: Workspace) -> None:
    execution = make_execution(make_campaign(crowd, tags=["sale"]), state=State.FINISHED)
    ensure_partition(execution.launched_on)
    for named in ({"campaign_ids": [execution.campaign_id]}, {"tags": ["sale"]}):
        by_index_alone()
        found = plan(crowd, {"type": "campaign", "operator": "received", **named})
        assert re.search(r"using executions_delivery_\d+_\d+_pkey on", found)
        assert re.search(r"Index Cond: .*launched_on = ANY .*execution_id = ANY ", found)


def test_the_frozen_are_found_by_their_key(crowd: Workspace) -> None:
    condition = frozen_sql(execution_id=1, segment_id=1, contact=Identifier("c"))
    by_index_alone()
    assert "executions_frozensegment_pkey" in plan_of(crowd, condition)
