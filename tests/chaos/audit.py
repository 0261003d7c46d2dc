"""The books of a campaign against what its receiver accepted: the one judgement of every fault."""

from collections import Counter
from dataclasses import dataclass, field

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
        told += _audit_ledger(campaign, execution_id, row)
    judge_receiver(campaign.log.addresses(), told, expected, row)
    judge_outcomes(expected, row)
    return row


def _audit_ledger(campaign: Campaign, execution_id: int, row: Row) -> Counter[str]:
    """Answers how often each address may have been accepted, by its rows that say `sent` or `unknown`."""
    rows = campaign.rig.ask(_LEDGER, [execution_id])
    ((size,),) = campaign.rig.ask("SELECT size FROM executions_execution WHERE id = %s", [execution_id])
    counted: Counter[str] = Counter(OUTCOMES[outcome - 1] for _contact, outcome, _address in rows)
    shown = Counter(campaign.get(execution_id).json()["counts"])
    people = {contact for contact, _outcome, _address in rows}
    row.counts += counted
    row.lost += campaign.people - len(people)
    row.require(len(rows) == size == campaign.people, f"{len(rows)} rows, size {size}, audience {campaign.people}")
    row.require(+shown == +counted, f"the API counts {dict(shown)}, the rows are {dict(counted)}")
    told: Counter[str] = Counter()
    for _contact, outcome, address in rows:
        if OUTCOMES[outcome - 1] == "sent":
            told[address] += 1
        elif OUTCOMES[outcome - 1] == "unknown":
            told[f"?{address}"] += 1
    return told


_LEDGER = """
    SELECT d.contact_id, d.outcome, a.value FROM executions_delivery d
    LEFT JOIN audiences_address a ON a.id = d.address_id WHERE d.execution_id = %s
"""


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
