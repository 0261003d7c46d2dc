"""Recipient domains that take only so much a second: who is over, waits in batches of that domain alone.

So a slow domain holds up nobody else, and its own batches are paced before anything of them is read.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopg import AsyncConnection

from common.channels import Type
from executions.delivery.breaker import Available
from executions.delivery.rates import Rates
from executions.states import BatchState
from providers.contract import Message

_PREFIX = "domain:"
LONGEST_LINE_SECONDS = 900


class Over(NamedTuple):
    """The message at `place` may go in `wait` seconds, by the rate of its domain."""

    place: int
    domain: str
    wait: float


def reason_of(domain: str) -> str:
    """Why a batch of this domain waits."""
    return f"{_PREFIX}{domain}"


def domain_of_batch(reason: str) -> str | None:
    """The domain that all recipients of the batch have, None where they may have any."""
    return reason.removeprefix(_PREFIX) if reason.startswith(_PREFIX) else None


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]


async def over_rate(rates: Rates, provider: Available, messages: Sequence[Message]) -> list[Over]:
    """Takes the tokens of all domains that have a rate; answers whom they don't suffice for."""
    if provider.settings.type != Type.EMAIL or not messages:
        return []
    if not provider.domain_rates and not await rates.slowed(provider):
        return []
    taken = await rates.take_of_domains(provider, Counter(domain_of(message.address) for message in messages))
    left = {domain: tokens.granted for domain, tokens in taken.items()}
    over = []
    for message in messages if left else ():
        domain = domain_of(message.address)
        if domain in left:
            left[domain] -= 1
            if left[domain] < 0:
                over.append(Over(message.index, domain, taken[domain].wait))
    return over


def throttled_domain(messages: Iterable[Message], *, throttled: set[int], unasked: set[int]) -> str | None:
    """The one recipient domain that was refused while others were taken; None where the provider itself may be slow."""
    refused: set[str] = set()
    taken: set[str] = set()
    for message in messages:
        if message.index not in unasked:
            (refused if message.index in throttled else taken).add(domain_of(message.address))
    return refused.pop() if len(refused) == 1 and taken - refused else None


async def stand_in_line(
    connection: AsyncConnection, execution_id: int, domain: str, *, wait: float, rate: float
) -> None:
    """The domain's batches that nobody works on become due one after the other, as its rate lets them."""
    await connection.execute(
        """
        WITH free AS (
            SELECT id, size - position AS pending FROM executions_batch
            WHERE execution_id = %(execution)s AND state = %(open)s AND lease_token IS NULL AND reason = %(reason)s
                AND not_before <= clock_timestamp() + make_interval(secs => %(wait)s)
            ORDER BY id FOR UPDATE SKIP LOCKED
        ), line AS (SELECT id, sum(pending) OVER (ORDER BY id) - pending AS ahead FROM free)
        UPDATE executions_batch b SET not_before = clock_timestamp()
            + make_interval(secs => %(wait)s + least(line.ahead / %(rate)s, %(longest)s))
        FROM line WHERE b.id = line.id
        """,
        {
            "execution": execution_id,
            "open": BatchState.OPEN.value,
            "reason": reason_of(domain),
            "wait": wait,
            "rate": rate,
            "longest": LONGEST_LINE_SECONDS,
        },
    )
