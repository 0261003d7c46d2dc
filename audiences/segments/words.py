"""What a rule can name in a workspace, for whoever writes one: names that are in use, newest or commonest first."""

from typing import Any

from django.db import connection

from audiences.models import List
from workspaces.models import App

OFFERED = 200
_LOOKED_AT = 2_000

_ATTRIBUTES = """
SELECT key, (array_agg(type ORDER BY n DESC))[1] FROM (
    SELECT key, type, count(*) AS n FROM (
        SELECT e.key, CASE jsonb_typeof(e.value) WHEN 'array' THEN 'list' WHEN 'string' THEN
            CASE WHEN e.value #>> '{}' ~ '^[12][0-9]{3}-[01][0-9]-[0-3][0-9]([T ]|$)' THEN 'date' ELSE 'text' END
            ELSE jsonb_typeof(e.value) END AS type
        FROM (SELECT attributes FROM audiences_contact WHERE workspace_id = %s ORDER BY id DESC LIMIT %s) c,
            jsonb_each(c.attributes) e
        WHERE jsonb_typeof(e.value) NOT IN ('object', 'null')) typed
    GROUP BY key, type) counted
GROUP BY key ORDER BY sum(n) DESC, key LIMIT %s
"""
# From name to name through the index: what it costs depends on the names, not on the events.
_EVENTS = """
WITH RECURSIVE names (name, n) AS (
    (SELECT name, 1 FROM audiences_event WHERE workspace_id = %s AND contact_id IS NOT NULL ORDER BY name LIMIT 1)
    UNION ALL
    SELECT (SELECT e.name FROM audiences_event e WHERE e.workspace_id = %s AND e.contact_id IS NOT NULL
        AND e.name > names.name ORDER BY e.name LIMIT 1), n + 1
    FROM names WHERE names.name IS NOT NULL AND n < %s
)
SELECT name FROM names WHERE name IS NOT NULL
"""


# Events without a contact have no index of their names: those among the latest.
_BUSINESS_EVENTS = """
SELECT DISTINCT name FROM (
    SELECT name, contact_id, anonymous_id FROM audiences_event WHERE workspace_id = %s ORDER BY id DESC LIMIT %s) latest
WHERE contact_id IS NULL AND anonymous_id IS NULL ORDER BY name LIMIT %s
"""


def words_of(workspace_id: int) -> dict[str, Any]:
    """`attributes` are (name, type of value) pairs; lists and campaigns (id, name)."""
    lists = List.objects.filter(workspace_id=workspace_id, archived_at__isnull=True).order_by("-pk")
    apps = App.objects.filter(workspace_id=workspace_id).order_by("app_id")
    return {
        "attributes": _rows(_ATTRIBUTES, [workspace_id, _LOOKED_AT, OFFERED]),
        "events": [name for (name,) in _rows(_EVENTS, [workspace_id, workspace_id, OFFERED])],
        "business_events": [name for (name,) in _rows(_BUSINESS_EVENTS, [workspace_id, _LOOKED_AT, OFFERED])],
        "lists": list(lists.values_list("pk", "name")[:OFFERED]),
        "campaigns": _rows(
            "SELECT id, coalesce(nullif(name, ''), 'campaign ' || id) FROM campaigns_campaign"
            " WHERE workspace_id = %s ORDER BY id DESC LIMIT %s",
            [workspace_id, OFFERED],
        ),
        "tags": [
            name
            for (name,) in _rows(
                "SELECT name FROM campaigns_tag WHERE workspace_id = %s ORDER BY lower(name) LIMIT %s",
                [workspace_id, OFFERED],
            )
        ],
        "apps": list(apps.values_list("app_id", flat=True)[:OFFERED]),
    }


def _rows(sql: str, given: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        return list(cursor.fetchall())
