"""What the sweep does for triggers: finds events that are due, whatever became of the alarm that was set for them."""

from django.db import connection

# The transaction of an event that was accepted while its trigger was deactivated is over by then.
LINGERS_SECONDS = 300
SLICE = 50_000


def sweep() -> list[int]:
    """Activations to be promoted. Those that have ended, and have nothing left, are not looked at again."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE)
        found = [row[0] for row in cursor.fetchall()]
        cursor.execute(_EMPTIED, [LINGERS_SECONDS])
    return found


def forget_old_uses() -> None:
    """Of campaigns that always sent every time, only the last hour's are ever asked for. A slice at a time, past what
    is promoted just now."""
    gone = SLICE
    while gone == SLICE:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, [SLICE])
            gone = cursor.rowcount


# The first of each by the index: what waits for its delay, a million of them, is not read.
_DUE = """
    SELECT a.id FROM executions_triggeractivation a
    WHERE a.emptied_at IS NULL
        AND (SELECT min(h.due_at) FROM audiences_triggerhit h WHERE h.activation_id = a.id)
            <= CASE WHEN a.drops_waiting THEN 'infinity' ELSE clock_timestamp() END
    ORDER BY a.id
"""
_EMPTIED = """
    UPDATE executions_triggeractivation SET emptied_at = clock_timestamp() WHERE id IN (
        SELECT a.id FROM executions_triggeractivation a
        WHERE a.emptied_at IS NULL AND a.ended_at < clock_timestamp() - make_interval(secs => %s)
            AND NOT EXISTS (SELECT FROM audiences_triggerhit h WHERE h.activation_id = a.id)
        FOR NO KEY UPDATE SKIP LOCKED)
"""
_FORGET = """
    DELETE FROM executions_triggeruse WHERE (campaign_id, contact_id) IN (
        SELECT u.campaign_id, u.contact_id FROM executions_triggeruse u
        WHERE u.last_at < statement_timestamp() - interval '2 hours' AND NOT EXISTS (
            SELECT FROM executions_triggeractivation a
            WHERE a.campaign_id = u.campaign_id AND a.definition->>'per_contact' <> 'every')
        LIMIT %s FOR UPDATE OF u SKIP LOCKED)
"""
