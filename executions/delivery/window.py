"""What a worker knows of its batch between two transactions: who is marked, and what became of whom."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from executions.delivery.batches import Claim, Waiting
from executions.delivery.fates import Fate
from executions.delivery.ledger import LedgerRow
from executions.states import Outcome
from providers.contract import Message

Counts = dict[str, int]


@dataclass(slots=True)
class Window:
    """Places of the batch from `position` (all before it are recorded) up to `marked_to` (none after it is begun).

    `fates` holds what is decided, by place; `waiting` the messages that are not begun, in order. `ends`: the cut-off,
    by the loop's clock.
    """

    claim: Claim
    position: int
    marked_to: int
    recipients: dict[int, tuple[int, int]] = field(default_factory=dict)
    fates: dict[int, Fate] = field(default_factory=dict)
    waiting: list[Message] = field(default_factory=list)
    reserved: set[int] = field(default_factory=set)
    ends: float = inf

    @classmethod
    def of(cls, claim: Claim) -> "Window":
        return cls(claim, claim.position, claim.position)

    @property
    def finished(self) -> bool:
        return self.position == self.claim.size

    @property
    def settled_to(self) -> int:
        """The first place whose fate is open."""
        place, fates = self.position, self.fates
        while place in fates:
            place += 1
        return place

    def forget(self, position: int) -> None:
        """Everything before `position` is recorded."""
        forget_fate, forget_recipient = self.fates.pop, self.recipients.pop
        for place in range(self.position, position):
            forget_fate(place, None)
            forget_recipient(place, None)
        self.position = position


@dataclass(slots=True)
class Recorded:
    """What one transaction writes about the places from `start` to `stop`."""

    start: int
    stop: int
    rows: list[LedgerRow] = field(default_factory=list)
    parked: list[Waiting] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)
    dead_addresses: list[int] = field(default_factory=list)
    freed: set[int] = field(default_factory=set)


def record(window: Window, *, stop: int, clock: int, now: float) -> Recorded:
    """`clock` is PostgreSQL's in microseconds since 2000, at the same moment as the loop's `now`."""
    made = Recorded(window.position, stop)
    recipients, fates, rows = window.recipients, window.fates, made.rows
    sent = 0
    for place in range(window.position, stop):
        fate = fates[place]
        contact, address = recipients[place]
        if fate[0] is not Outcome.SENT or fate.at is None:
            _add(made, contact, address, fate, clock, now, contact in window.reserved)
            continue
        sent += 1
        sent_at = clock - int((now - fate.at) * 1_000_000)
        rows.append(
            tuple.__new__(
                LedgerRow, (contact, address, Outcome.SENT, fate.attempts, sent_at, None, None, fate.response)
            )
        )
    if sent:
        made.counts[Outcome.SENT.label] += sent
    return made


def _add(made: Recorded, contact: int, address: int, fate: Fate, clock: int, now: float, reserved: bool) -> None:
    outcome, reason, detail, response, attempts, at, wait, dead, maybe_sent = fate
    if reserved and outcome is not Outcome.SENT and outcome is not Outcome.UNKNOWN and not maybe_sent:
        made.freed.add(contact)
    if outcome is None:
        made.parked.append(Waiting(contact, address, attempts, wait, reason or "retry"))
        made.counts["parked"] += 1
        return
    sent_at = None if at is None else clock - int((now - at) * 1_000_000)
    made.rows.append(LedgerRow(contact, address, outcome, attempts, sent_at, reason, detail, response))
    made.counts[outcome.label] += 1
    if reason is not None:
        made.reasons.setdefault(outcome.label, Counter())[reason] += 1
    if dead:
        made.dead_addresses.append(address)


def with_reasons(before: dict[str, Counts], made: Recorded) -> dict[str, Counts]:
    """The batch's reasons: outcome to reason to count."""
    merged = {outcome: dict(counts) for outcome, counts in before.items()}
    for outcome, counts in made.reasons.items():
        into = merged.setdefault(outcome, {})
        for reason, count in counts.items():
            into[reason] = into.get(reason, 0) + count
    return merged


def unsettled(messages: Sequence[Message], window: Window) -> list[Message]:
    """Those still to be sent; the fates of some may have been recorded, and forgotten, meanwhile."""
    return [message for message in messages if message.index >= window.position and message.index not in window.fates]
