"""The circuit breaker of a provider: who takes nothing is left alone for a while, by all workers, at no one's cost.

When the pause is over a single lane asks again with a few messages; its success lets the others go on.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import orjson
from django.db import connection
from django.db.models.functions import Now
from psycopg import AsyncConnection

from common.channels import Type
from executions.delivery.lanes import living_processes
from providers.contract import ConfigError, ProviderSettings
from providers.models import Provider
from providers.probing import settings_of

FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 60
PROBE_SECONDS = 15
CODE = "provider_unavailable"


class Available(NamedTuple):
    """A provider that may be asked now, for one execution. `probing`: it failed last time, and we alone ask.

    `urgent`: the execution is transactional, and gives way to nobody.

    `rate`, `execution_rate` and `domain_rates`, each a second, are shared by `processes`.
    """

    id: int
    settings: ProviderSettings
    rate: int | None
    probing: bool
    processes: int = 1
    execution_id: int = 0
    execution_rate: float | None = None
    domain_rates: Mapping[str, float] = {}
    urgent: bool = False
    probing_until: datetime | None = None


def ask_provider(
    provider_id: int, *, execution_id: int, type: str, rate_per_minute: int | None = None, urgent: bool = False
) -> Available | None:
    """None: not now; the execution then says why it waits."""
    provider = Provider.objects.get(pk=provider_id)
    if not provider.enabled:
        _say(execution_id, f"{provider.name}: is disabled", None)
        return None
    row: tuple[datetime] | None = None
    if provider.unavailable_until is not None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE providers_provider SET unavailable_until = clock_timestamp() + make_interval(secs => %s)"
                " WHERE id = %s AND unavailable_until <= clock_timestamp() RETURNING unavailable_until",
                [PROBE_SECONDS, provider_id],
            )
            row = cursor.fetchone()
        if row is None:
            _say(execution_id, provider.unavailable_reason, provider.unavailable_until.isoformat())
            return None
    try:
        settings = settings_of(provider, type)
    except ConfigError as error:
        _say(execution_id, f"{provider.name}: {error}", None)
        return None
    return Available(
        provider.pk,
        settings,
        provider.rate_per_second or None,
        row is not None,
        living_processes(),
        execution_id,
        rate_per_minute / 60 if rate_per_minute else None,
        provider.domain_rates if type == Type.EMAIL else {},
        urgent,
        row[0] if row else None,
    )


def leave_probe(provider: Available) -> None:
    """We alone might have asked it, and had nothing to ask it with: another may, at once."""
    Provider.objects.filter(pk=provider.id, unavailable_until=provider.probing_until).update(unavailable_until=Now())


def _say(execution_id: int, message: str, retry_at: str | None) -> None:
    reason = orjson.dumps({"code": CODE, "message": message, "retry_at": retry_at}).decode()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE executions_execution SET state_reason = %s::jsonb"
            " WHERE id = %s AND state = 'running' AND state_reason IS DISTINCT FROM %s::jsonb",
            [reason, execution_id, reason],
        )


async def trip(connection: AsyncConnection, provider: Available, words: str) -> None:
    """It took nothing: pause for everyone, a while longer each time, and say so on the executions that wait."""
    message = f"{provider.settings.name}: {words}"[:500]
    await connection.execute(
        """
        WITH tripped AS (
            UPDATE providers_provider SET failures = failures + 1, unavailable_reason = %(message)s,
                unavailable_until = clock_timestamp()
                    + make_interval(secs => least(%(first)s * 2 ^ least(failures, 10), %(longest)s))
            WHERE id = %(id)s AND (unavailable_until IS NULL OR unavailable_until <= clock_timestamp() OR %(probing)s)
            RETURNING id, unavailable_until)
        UPDATE executions_execution e SET state_reason = jsonb_build_object('code', %(code)s::text,
            'message', %(message)s::text, 'retry_at', to_char(t.unavailable_until AT TIME ZONE 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
        FROM tripped t WHERE e.provider_id = t.id AND e.state = 'running'
        """,
        {
            "id": provider.id,
            "message": message,
            "first": FIRST_PAUSE_SECONDS,
            "longest": LONGEST_PAUSE_SECONDS,
            "probing": provider.probing,
            "code": CODE,
        },
    )


async def mend(connection: AsyncConnection, provider: Available) -> None:
    """It answered: everybody may go on."""
    await connection.execute(
        "UPDATE providers_provider SET failures = 0, unavailable_until = NULL, unavailable_reason = '' WHERE id = %s",
        [provider.id],
    )
    await clear_reason(connection, provider.id)


async def clear_reason(connection: AsyncConnection, provider_id: int) -> None:
    await connection.execute(
        "UPDATE executions_execution SET state_reason = NULL WHERE provider_id = %s AND state_reason->>'code' = %s"
        " AND state = 'running'",
        [provider_id, CODE],
    )
