"""The books of a campaign against what its receiver accepted: the one judgement of every fault."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.chaos.campaign import Campaign

RECOVERY_SECONDS = 15.0
OUTCOMES = ("sent", "skipped", "failed", "unknown")
SHOWN = 3


@dataclass
class Row:
    """What a fault did. `recovery` is in seconds, None where nothing was to be recovered; `wrong` says what is."""

    fault: str = ""
    seed: int = 0
    audience: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    duplicates: int = 0
    unknown_bound: int = 0
    recovery: float | None = None
    note: str = ""
    omitted: bool = False
    wrong: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.wrong

    def require(self, holds: bool, words: str) -> None:
        if not holds:
            self.wrong.append(words)


@dataclass(frozen=True)
class Expected:
    """What the fault may cost. `None`: anything that the rest of the books bears out."""

    unknown_at_most: int = 0
    failed: int | None = 0
    skipped: int | None = 0
    recovery: float | None = None
    recovery_limit: float = RECOVERY_SECONDS
    each_at_most: int = 1
    """How many messages of all the executions together a recipient may get: 1, or their number, or a cap."""


def audit(campaign: Campaign, expected: Expected, *, note: str = "") -> Row:
    """Everyone once in the ledger, counted as recorded, and accepted by the receiver if and only if it says so."""
    row = Row(audience=campaign.people, unknown_bound=expected.unknown_at_most, recovery=expected.recovery, note=note)
    told: Counter[str] = Counter()
    for execution_id in campaign.executions:
        books = _books(campaign, execution_id, row)
        row.lost += campaign.people - len(books.contacts)
        row.require(len(books.rows) == campaign.people, f"{len(books.rows)} rows, of an audience of {campaign.people}")
        told += books.told()
    judge_receiver(campaign.log.addresses(), told, expected, row)
    judge_outcomes(expected, row)
    if campaign.cap is not None:
        judge_caps(campaign.cap, _uses(campaign), _reached(campaign), row)
    return row


def audit_shared(campaign: Campaign, wanted: Collection[str], expected: Expected, *, note: str = "") -> Row:
    """Of executions that share an audience, as those that events trigger: each address is in one of them, once.

    Whoever else is in them was ruled out.
    """
    row = Row(audience=len(wanted), unknown_bound=expected.unknown_at_most, recovery=expected.recovery, note=note)
    told: Counter[str] = Counter()
    for execution_id in campaign.executions:
        told += _books(campaign, execution_id, row).told()
    people = Counter(address.lstrip("?") for address in told.elements())
    row.lost += len(set(wanted) - people.keys())
    row.require(set(people.values()) <= {1}, f"{_some(people, 1)} are there twice")
    row.require(people.keys() <= set(wanted), f"nobody asked for {sorted(people.keys() - set(wanted))[:SHOWN]}")
    judge_receiver(campaign.log.addresses(), told, expected, row)
    judge_outcomes(expected, row)
    return row


class _Books(NamedTuple):
    """Of one execution; a row is contact, outcome and address."""

    rows: list[tuple[Any, ...]]

    @property
    def contacts(self) -> set[int]:
        return {contact for contact, _outcome, _address in self.rows}

    def told(self) -> Counter[str]:
        """How often each address may have been accepted, by its rows that say `sent` or, with a question mark,
        `unknown`."""
        marks = {"sent": "", "unknown": "?"}
        outcomes = [(OUTCOMES[outcome - 1], address) for _contact, outcome, address in self.rows]
        return Counter(f"{marks[outcome]}{address}" for outcome, address in outcomes if outcome in marks)


def _books(campaign: Campaign, execution_id: int, row: Row) -> _Books:
    """Its rows are as many as its size, and those that the API counts."""
    books = _Books(campaign.rig.ask(_LEDGER, [execution_id]))
    ((size,),) = campaign.rig.ask("SELECT size FROM executions_execution WHERE id = %s", [execution_id])
    counted: Counter[str] = Counter(OUTCOMES[outcome - 1] for _contact, outcome, _address in books.rows)
    shown = Counter(campaign.get(execution_id).json()["counts"])
    row.counts += counted
    row.require(len(books.rows) == size, f"{len(books.rows)} rows, size {size}")
    row.require(+shown == +counted, f"the API counts {dict(shown)}, the rows are {dict(counted)}")
    return books


_LEDGER = """
    SELECT d.contact_id, d.outcome, a.value FROM executions_delivery d
    LEFT JOIN audiences_address a ON a.id = d.address_id WHERE d.execution_id = %s
"""


Uses = Mapping[int, Collection[int]]
"""Contact to executions."""


def _uses(campaign: Campaign) -> Uses:
    """What the caps have counted."""
    return dict(campaign.rig.ask(_USES, [campaign.world.workspace_id]))


_USES = "SELECT contact_id, executions FROM executions_frequencyuse WHERE workspace_id = %s"


def _reached(campaign: Campaign) -> Uses:
    """By whom each contact was sent to, or may have been."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for execution_id in campaign.executions:
        for contact, outcome, _address in campaign.rig.ask(_LEDGER, [execution_id]):
            if OUTCOMES[outcome - 1] in ("sent", "unknown"):
                found[contact].add(execution_id)
    return found


def judge_caps(most: int, uses: Uses, reached: Uses, row: Row) -> None:
    """Who was sent to, or may have been, is counted, nobody else is, and nobody more often than `most` times."""
    over = [contact for contact, used in uses.items() if len(used) > most]
    uncounted = [contact for contact, by in reached.items() if not set(by) <= set(uses.get(contact, ()))]
    kept = [contact for contact, used in uses.items() if not set(used) <= set(reached.get(contact, ()))]
    row.require(not over, f"{len(over)} contacts are over the cap: {over[:SHOWN]}")
    row.require(not uncounted, f"{len(uncounted)} were sent to and are not counted: {uncounted[:SHOWN]}")
    row.require(not kept, f"{len(kept)} are counted and were not sent to: {kept[:SHOWN]}")


def judge_receiver(accepted: Counter[str], told: Counter[str], expected: Expected, row: Row) -> None:
    """`told`: address to how often it is `sent`; with a question mark before it, how often it is `unknown`."""
    missing = {a: n - accepted[a] for a, n in told.items() if not a.startswith("?") and n > accepted[a]}
    untold = {a: n for a, n in accepted.items() if n > told[a] + told[f"?{a}"]}
    row.lost += sum(missing.values())
    row.duplicates = sum(max(0, times - expected.each_at_most) for times in accepted.values())
    row.require(row.lost == 0, f"{row.lost} lost; `sent` and accepted by nobody: {list(missing)[:SHOWN]}")
    row.require(not untold, f"{len(untold)} were accepted without a row that says so: {list(untold)[:SHOWN]}")
    row.require(row.duplicates == 0, f"{row.duplicates} messages too many: {_some(accepted, expected.each_at_most)}")


def judge_outcomes(expected: Expected, row: Row) -> None:
    counts = row.counts
    row.require(
        counts["unknown"] <= expected.unknown_at_most,
        f"{counts['unknown']} unknown, at most {expected.unknown_at_most} can be in doubt",
    )
    for outcome, wanted in (("failed", expected.failed), ("skipped", expected.skipped)):
        row.require(wanted is None or counts[outcome] == wanted, f"{counts[outcome]} {outcome}, expected {wanted}")
    if expected.recovery is not None:
        row.require(
            expected.recovery <= expected.recovery_limit,
            f"recovery began after {expected.recovery:.1f} s, the limit is {expected.recovery_limit:g} s",
        )


def _some(accepted: Counter[str], most: int) -> list[str]:
    return [address for address, times in accepted.items() if times > most][:SHOWN]
