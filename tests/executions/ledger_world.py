"""A small world for the ledger's state machine: executions, workers that are played by hand, and what must hold."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from audiences.models import Contact
from common.authorship import SYSTEM
from executions.delivery.batches import claim_batch
from executions.delivery.chunk import LeaseLost, turn_chunk
from executions.delivery.ending import cut_off_is_past
from executions.delivery.fates import fate_of
from executions.delivery.finishing import finish_if_complete
from executions.delivery.journal import Journal
from executions.delivery.partitions import ensure_partition
from executions.delivery.planning import plan
from executions.delivery.recovery import recover
from executions.delivery.retried import retried_before
from executions.delivery.runtime import runtime
from executions.delivery.turn import run_ending_turn
from executions.delivery.window import Window, unsettled
from executions.models import Batch, Execution, FrequencyUse, QuietHours
from executions.reading.progress import progress_of
from executions.settling.left_journals import settle_by_journals
from executions.settling.woken import Lost, settle_lost
from executions.states import BatchState, Outcome, SkipReason, State
from providers.contract import HANDED_OVER, Result, Verdict, outcome_code
from tests.executions.own_clocks import EAST, HOME, quiet_now
from tests.executions.rows import make_execution
from tests.factories import make_address, make_campaign, make_cap, make_contact, make_suppression, make_workspace

CAP = 2
MAY_HAVE_ARRIVED = (Verdict.SENT, Verdict.UNKNOWN)
Pair = tuple[int, int]


@dataclass
class Worker:
    """`silent`: stopped for longer than its lease."""

    execution_id: int
    window: Window
    journal: Journal
    silent: bool = False


@dataclass
class World:
    """`arrived` counts what the provider may have accepted, by execution and recipient.

    `offered`: whoever was marked last with a message to hand over, and not with a fate that marking decided.
    """

    on_unknown: str
    executions: list[int] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    arrived: Counter[tuple[int, Pair]] = field(default_factory=Counter)
    offered: set[tuple[int, Pair]] = field(default_factory=set)
    suppressed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.workspace = make_workspace()
        self.contacts = self._people()
        make_cap(self.workspace, max=CAP, window_seconds=86_400)
        self.campaign = make_campaign(self.workspace, on_unknown=self.on_unknown)

    def _people(self) -> list[Contact]:
        """One has two addresses, one has none. Every other one lives where it is never quiet."""
        people = [make_contact(self.workspace, timezone=EAST if place % 2 else HOME) for place in range(5)]
        make_address(people[0], value=f"second-{people[0].pk}@example.test")
        return [*people, make_contact(self.workspace, email=None)]

    # What may happen

    def launch(self) -> int:
        execution = make_execution(self.workspace, campaign=self.campaign)
        ensure_partition(execution.launched_on)
        self.executions.append(execution.pk)
        return execution.pk

    def plan(self, execution_id: int) -> None:
        expected = self._expected_retry(self.get(execution_id))
        plan(execution_id)
        if expected is not None and self.get(execution_id).size is not None:
            found = {*self.rows(execution_id), *self.pending(execution_id)}
            assert found == expected, "a retry is for those whose last word is failed"

    def claim(self, execution_id: int) -> None:
        journal = Journal()
        here = runtime()
        here.prepared_now(execution_id)

        async def work() -> Window | None:
            claim = await claim_batch(await here.connection(), execution_id, journal=journal.name)
            return None if claim is None else Window.of(claim)

        window = here.run(work())
        if window is None:
            journal.remove()
        else:
            self.workers.append(Worker(execution_id, window, journal))

    def turn(self, worker: Worker, *, want: int = 0, leave: bool = False) -> None:
        """The chunk's transaction; a worker that has lost its batch ends."""
        before, known = {message.index for message in worker.window.waiting}, set(worker.window.recipients)
        execution = self.get(worker.execution_id)
        running = execution.state == State.RUNNING and not cut_off_is_past(execution)
        here = runtime()

        async def work() -> None:
            prepared = here.prepared(worker.execution_id)
            await turn_chunk(await here.connection(), prepared, worker.window, want=want, leave=leave)

        try:
            here.run(work())
        except LeaseLost:
            self._wake(worker)
            return
        worker.silent = False
        self._marked(worker, worker.window.recipients.keys() - known)
        marked = [message for message in worker.window.waiting if message.index not in before]
        assert running or not marked, "nothing is marked when it is paused or cancelled, or after the cut-off"
        self._check_quiet(worker, {worker.window.recipients[message.index][0] for message in marked})
        assert not self.suppressed & {message.address for message in marked}, "nothing to whom was suppressed before"
        if leave or worker.window.finished:
            self._end(worker)

    def _marked(self, worker: Worker, places: set[int]) -> None:
        for place in places:
            key = worker.execution_id, worker.window.recipients[place]
            (self.offered.discard if place in worker.window.fates else self.offered.add)(key)

    def send(self, worker: Worker, verdicts: list[Verdict]) -> None:
        """The first messages that wait are handed over, each with an answer."""
        window = worker.window
        for message, verdict in zip(list(window.waiting), verdicts, strict=False):
            worker.journal.view[message.index] = outcome_code(verdict)
            if verdict is Verdict.UNSTARTED:
                continue
            self._hand_over(worker, message.index, arrives=verdict in MAY_HAVE_ARRIVED)
            fate = fate_of(Result(verdict), attempts=window.claim.attempt, on_unknown=self.on_unknown, at=0.0)
            assert fate is not None
            window.fates[message.index] = fate
        window.waiting = unsettled(window.waiting, window)

    def crash(self, worker: Worker, *, in_flight: int) -> None:
        """Killed; the first of what waits was handed over, and never answered."""
        for message in worker.window.waiting[:in_flight]:
            worker.journal.view[message.index] = HANDED_OVER
            self._hand_over(worker, message.index, arrives=True)
        worker.journal.abandon()
        self.workers.remove(worker)

    def stop(self, worker: Worker) -> None:
        worker.silent = True
        Batch.objects.filter(pk=worker.window.claim.id, lease_token=worker.window.claim.token).update(
            lease_until="2020-01-01T00:00:00Z"
        )

    def recover(self) -> None:
        """As the sweep does."""
        settle_by_journals()
        recover(runtime())

    def drain_ending(self, execution_id: int) -> None:
        execution = self.get(execution_id)
        here = runtime()
        if execution.state == State.CANCELLING and execution.size is not None:
            here.run(run_ending_turn(here, execution, SkipReason.CANCELLED))
        elif cut_off_is_past(execution):
            here.run(run_ending_turn(here, execution, SkipReason.CUT_OFF))

    def cut_off(self, execution_id: int) -> None:
        Execution.objects.filter(pk=execution_id).update(cut_off_at=Now())

    def quiet(self, policy: str | None) -> None:
        """From two hours ago to in three, where HOME is; None for no quiet hours any more."""
        QuietHours.objects.filter(workspace=self.workspace).delete()
        if policy is not None:
            quiet_now(self.workspace, policy=policy)

    def suppress(self, place: int) -> None:
        address = self.contacts[place].addresses.order_by("pk").first()
        if address is not None and address.value not in self.suppressed:
            make_suppression(self.workspace, address.value)
            self.suppressed.add(address.value)

    def time_passes(self) -> None:
        Batch.objects.filter(execution__in=self.executions, state=BatchState.OPEN).update(
            not_before="2020-01-01T00:00:00Z"
        )

    def finish(self) -> None:
        for execution_id in self.executions:
            finish_if_complete(execution_id)

    def by_hand(self, move: Any, execution_id: int, **more: Any) -> Any:
        return move(execution_id=execution_id, workspace_id=self.workspace.pk, actor=SYSTEM, **more)

    def close(self) -> None:
        for worker in list(self.workers):
            self._end(worker)

    def _hand_over(self, worker: Worker, index: int, *, arrives: bool) -> None:
        key = (worker.execution_id, worker.window.recipients[index])
        assert not self.arrived[key] or self.on_unknown == "resend", "nobody is sent to twice"
        assert key in self.offered, "only who was marked with a message is sent to"
        self.arrived[key] += arrives

    def _wake(self, worker: Worker) -> None:
        """It sends nothing more, and what it knows is put in the place of what recovery could only doubt."""
        settle_lost(runtime().prepared(worker.execution_id), Lost(worker.window, worker.journal))
        self.workers.remove(worker)
        in_doubt = {
            pair for pair, (outcome, _reason) in self.rows(worker.execution_id).items() if outcome is Outcome.UNKNOWN
        }
        known = {pair for place, pair in worker.window.recipients.items() if self._knows(worker, place)}
        assert self.on_unknown == "resend" or not in_doubt & known, "whoever it knows of is not in doubt"

    def _knows(self, worker: Worker, place: int) -> bool:
        fate = worker.window.fates.get(place)
        return fate is None or fate.outcome is not Outcome.UNKNOWN

    def _end(self, worker: Worker) -> None:
        worker.journal.remove()
        self.workers.remove(worker)

    # What is there

    def get(self, execution_id: int) -> Execution:
        return Execution.objects.get(pk=execution_id)

    def rows(self, execution_id: int) -> dict[Pair, tuple[Outcome, str | None]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT contact_id, address_id, outcome, reason FROM executions_delivery WHERE execution_id = %s",
                [execution_id],
            )
            return {(row[0], row[1]): (Outcome(row[2]), row[3]) for row in cursor.fetchall()}

    def pending(self, execution_id: int) -> list[Pair]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT u.* FROM executions_batch b JOIN executions_batchrecipients r ON r.batch_id = b.id,"
                " unnest(r.contact_ids[b.position + 1:], r.address_ids[b.position + 1:]) u"
                " WHERE b.execution_id = %s AND b.state <> %s",
                [execution_id, BatchState.CLOSED.value],
            )
            return [(row[0], row[1]) for row in cursor.fetchall()]

    def _expected_retry(self, execution: Execution) -> set[Pair] | None:
        """By reading every row of the chain in turn."""
        retried = retried_before(execution)
        if retried is None or execution.state not in (State.PLANNING, State.CANCELLING) or execution.size is not None:
            return None
        last: dict[Pair, Outcome] = {}
        for link in retried.chain:
            for pair, (outcome, reason) in self.rows(link.execution_id).items():
                if pair not in last or reason != SkipReason.CANCELLED:
                    last[pair] = outcome
        return {pair for pair, outcome in last.items() if outcome.value in retried.outcomes}

    # What must hold

    def _check_quiet(self, worker: Worker, contacts: set[int]) -> None:
        """By the rules that its turn began with."""
        if runtime().prepared(worker.execution_id).clocks is None:
            return
        at_home = {contact.pk for contact in self.contacts if contact.timezone == HOME}
        assert not contacts & at_home, "nobody is sent to in their quiet hours"

    def check(self) -> None:
        for execution in Execution.objects.filter(pk__in=self.executions):
            self._check_complete(execution)
        self._check_caps()

    def _check_complete(self, execution: Execution) -> None:
        rows, pending = self.rows(execution.pk), self.pending(execution.pk)
        everyone = Counter([*rows, *pending])
        assert set(everyone.values()) <= {1}, "a recipient has one row or waits in one batch"
        counts = progress_of([execution])[execution.pk].counts
        found = Counter(outcome.label for outcome, _reason in rows.values())
        assert {name: number for name, number in counts.items() if number} == {
            **found,
            **({"pending": len(pending)} if pending else {}),
        }, "counts are those of the rows"
        if execution.size is not None:
            assert execution.size == len(everyone), "nobody is lost"
        if execution.state in (State.FINISHED, State.CANCELLED):
            assert not pending, "nobody waits in what is over"

    def _check_caps(self) -> None:
        """Recovery without a journal can't tell whom marking had left out, by a cap or a suppression, from those who
        got a message: they are `unknown` too, or `sent` once somebody says so by hand, and were never counted."""
        sent: dict[int, set[int]] = {}
        for execution_id in self.executions:
            for pair, (outcome, _reason) in self.rows(execution_id).items():
                if outcome in (Outcome.SENT, Outcome.UNKNOWN) and (execution_id, pair) in self.offered:
                    sent.setdefault(pair[0], set()).add(execution_id)
        uses = {use.contact_id: use.executions for use in FrequencyUse.objects.filter(workspace_id=self.workspace.pk)}
        for worker in self.workers:
            for message in worker.window.waiting:
                contact = worker.window.recipients[message.index][0]
                if self._holds(worker):
                    sent.setdefault(contact, set()).add(worker.execution_id)
        for contact, executions in sent.items():
            missing = executions - set(uses.get(contact, ()))
            assert not missing, f"what is sent, or may be, is counted: contact {contact} in {missing}"
        assert all(len(found) == len(set(found)) <= CAP for found in uses.values()), "a cap holds"

    def _holds(self, worker: Worker) -> bool:
        return Batch.objects.filter(pk=worker.window.claim.id, lease_token=worker.window.claim.token).exists()

    def check_end(self) -> None:
        """When nothing is left to do: everybody has a row, and only what was sent, or may have been, is counted."""
        for execution_id in self.executions:
            execution = self.get(execution_id)
            assert execution.state in (State.FINISHED, State.CANCELLED), execution.state
            assert execution.size == len(self.rows(execution_id))
        if self.on_unknown == "hold":
            self._check_given_back()

    def _check_given_back(self) -> None:
        for use in FrequencyUse.objects.filter(workspace_id=self.workspace.pk):
            for execution_id in use.executions:
                outcomes = {
                    outcome for pair, (outcome, _reason) in self.rows(execution_id).items() if pair[0] == use.contact_id
                }
                assert outcomes & {Outcome.SENT, Outcome.UNKNOWN}, "a use of what was not sent is given back"
