"""Workers that die, or fall silent, in the middle: played by claiming and marking as a worker does, and stopping."""

from collections.abc import Sequence

from executions.delivery.batches import Claim, claim_batch
from executions.delivery.chunk import turn_chunk
from executions.delivery.journal import Journal
from executions.delivery.planning import plan
from executions.delivery.runtime import Runtime, runtime
from executions.delivery.window import Window
from executions.models import Batch, Execution
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
