"""What a throttling answer does: the rate is halved for all workers, and the executions that feel it say so."""

from collections.abc import Mapping

from django.db import connection as django_connection
from psycopg import AsyncConnection

from common.channels import Type
from executions.delivery.breaker import Available
from executions.delivery.rates import Rates
from executions.models import Execution
from executions.states import State
from providers.buckets import in_words, read_slowed

CODE = "slowed"


def has_domains(provider: Available) -> bool:
    """Recipient domains have rates of their own where messages are emails."""
    return provider.settings.type == Type.EMAIL


async def slow_down(
    connection: AsyncConnection,
    rates: Rates,
    provider: Available,
    *,
    too_fast: float,
    domain: str | None,
    pause: float,
) -> None:
    """Answers to what was under way already change nothing."""
    if await rates.slow(provider, too_fast=too_fast, domain=domain, pause=pause) is None:
        return
    message = _message(provider.settings.name, await rates.slowed(provider))
    await connection.execute(_SAY, {"id": provider.id, "code": CODE, "message": message})


def _message(name: str, slowed: Mapping[str, float]) -> str:
    return f"{name} asks us to send more slowly: slowed down {in_words(slowed)}, faster again as it allows."[:500]


_SAY = """
    UPDATE executions_execution SET state_reason = jsonb_build_object('code', %(code)s::text, 'message',
        %(message)s::text, 'retry_at', NULL)
    WHERE provider_id = %(id)s AND state = 'running' AND (state_reason IS NULL OR state_reason->>'code' = %(code)s)
        AND state_reason->>'message' IS DISTINCT FROM %(message)s
"""


def tell_slowness() -> None:
    """The rates grow again: executions say the present ones, and nothing once there is nothing to say."""
    told = Execution.objects.filter(state=State.RUNNING, state_reason__code=CODE)
    for provider_id, name in told.values_list("provider_id", "provider__name").distinct():
        slowed = read_slowed(provider_id)
        with django_connection.cursor() as cursor:
            if slowed:
                cursor.execute(_SAY, {"id": provider_id, "code": CODE, "message": _message(name, slowed)})
            else:
                told.filter(provider_id=provider_id).update(state_reason=None)
