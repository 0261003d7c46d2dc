"""Which events fitted a trigger and nobody was sent anything upon, and why: kept for whoever asks after one of them.

What was sent upon is found by the recipients of the executions; the activation counts both.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson
from django.db import connection

from executions.models import Became
from executions.triggering.claiming import Claimed

KEPT_DAYS = 30
SLICE = 5_000


class Why(NamedTuple):
    """Of what was refused: a word, what was wrong, and how to mend it."""

    code: str
    message: str
    hint: str | None = None


@dataclass(slots=True)
class Fates:
    """`counts` of what became of events, by word; `passed`: event ids and words of those not sent upon, and why
    as JSON where it was refused."""

    counts: Counter[str] = field(default_factory=Counter)
    passed: list[tuple[int, str, str | None]] = field(default_factory=list)

    def count(self, became: Became, number: int) -> None:
        self.counts[became.value] += number

    def pass_over(self, hits: Collection[Claimed], became: Became, why: Why | None = None) -> None:
        self.count(became, len(hits))
        told = None if why is None else orjson.dumps(why._asdict()).decode()
        self.passed.extend((hit.event_id, became.value, told) for hit in hits)


def write_passed_over(activation_id: int, fates: Fates) -> None:
    if not fates.passed:
        return
    event_ids, words, whys = zip(*fates.passed, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [activation_id, list(event_ids), list(words), list(whys)])


def forget_passed_over() -> int:
    """How many were older than a month, and are gone; a slice at a time."""
    forgotten = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, [KEPT_DAYS, SLICE])
            gone = int(cursor.rowcount)
        forgotten += gone
        if gone < SLICE:
            return forgotten


_WRITE = """
    INSERT INTO executions_passedover (event_id, activation_id, became, why)
    SELECT one.event_id, %s, one.became, one.why::jsonb
    FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS one (event_id, became, why)
    ON CONFLICT DO NOTHING
"""
_FORGET = """
    DELETE FROM executions_passedover WHERE (event_id, activation_id) IN (
        SELECT event_id, activation_id FROM executions_passedover
        WHERE at < now() - make_interval(days => %s) ORDER BY at LIMIT %s FOR UPDATE SKIP LOCKED)
"""
