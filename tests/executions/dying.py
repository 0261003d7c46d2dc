"""Workers that die, or fall silent, in the middle: played by claiming and marking as a worker does, and stopping."""

from collections.abc import Mapping, Sequence

from executions.delivery.batches import Claim, claim_batch
from executions.delivery.chunk import turn_chunk
from executions.delivery.fates import fate_of
from executions.delivery.journal import Journal
from executions.delivery.planning import plan
from executions.delivery.recovery import recover
from executions.delivery.runtime import Runtime, runtime
from executions.delivery.window import Window
from executions.models import Batch, Execution
from executions.reading.progress import progress_of
from executions.settling.woken import Lost
from providers.contract import HANDED_OVER, Result, Verdict, outcome_code
from tests.executions.rows import ledger, make_execution
from tests.factories import make_contacts
from workspaces.models import Workspace


async def mark(here: Runtime, execution: Execution, journal: Journal, want: int) -> Window:
    database = await here.connection()
    claim = await claim_batch(database, execution.pk, journal=journal.name)
    assert claim is not None
    window = Window.of(claim)
    await turn_chunk(database, here.prepared(execution.pk), window, want=want)
    return window


def die(execution: Execution, marks: Sequence[int], *, want: int | None = None) -> tuple[Window, str]:
    """A worker that marked `want` recipients, wrote these marks, and was killed."""
    here = runtime()
    here.prepared(execution.pk)
    journal = Journal()
    window = here.run(mark(here, execution, journal, want or len(marks)))
    start = window.claim.position
    journal.view[start : start + len(marks)] = bytes(marks)
    journal.abandon()
    return window, journal.name


def planned(workspace: Workspace, people: int, **fields: str) -> Execution:
    make_contacts(workspace, people)
    execution = make_execution(workspace, **fields)
    plan(execution.pk)
    return execution


def outcomes(execution: Execution) -> list[str]:
    return [outcome for _contact, _address, outcome, _reason in ledger(execution)]


def expire(claim: Claim) -> None:
    Batch.objects.filter(pk=claim.id).update(lease_until="2020-01-01T00:00:00Z")


def stopped(execution: Execution, answers: Mapping[int, Verdict | None], *, want: int) -> Lost:
    """A worker that marked `want`, got these answers (None: handed over, no answer yet), and was stopped too long."""
    here = runtime()
    here.prepared(execution.pk)
    journal = Journal()
    window = here.run(mark(here, execution, journal, want))
    for place, verdict in answers.items():
        journal.view[place] = HANDED_OVER if verdict is None else outcome_code(verdict)
        given = Result(verdict or Verdict.UNKNOWN, response="what it said")
        fate = fate_of(given, attempts=window.claim.attempt, on_unknown=execution.on_unknown, at=0.0)
        if fate is not None and verdict is not None:
            window.fates[place] = fate
    expire(window.claim)
    recover(here)
    return Lost(window, journal)


def counted(execution: Execution) -> dict[str, int]:
    return {name: number for name, number in progress_of([execution])[execution.pk].counts.items() if number}
