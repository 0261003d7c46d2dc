"""A lane's turn: claims due batches, and takes each through its chunks while the provider works on the one before."""

import asyncio
import logging
import time
from typing import NamedTuple

from psycopg import OperationalError
from psycopg.errors import IdleInTransactionSessionTimeout

from executions.delivery import breaker
from executions.delivery.batches import Claim, claim_batch, renew_lease
from executions.delivery.breaker import Available
from executions.delivery.chunk import CUT_OFF, LeaseLost, turn_chunk
from executions.delivery.domains import domain_of_batch
from executions.delivery.ending import skip_rest
from executions.delivery.fates import fate_of
from executions.delivery.journal import Journal
from executions.delivery.leases import LEASE_SECONDS, RENEW_SECONDS
from executions.delivery.pace import Pace
from executions.delivery.prepared import Prepared
from executions.delivery.rounds import LONGEST_ROUND_SECONDS, TOO_SLOW
from executions.delivery.runtime import Runtime
from executions.delivery.window import Window, unsettled
from executions.models import Execution
from executions.settling.woken import Lost
from executions.states import SkipReason, State
from providers.contract import FINISH_SECONDS, Adapter, Message, Result, Verdict

PROBE_CHUNK = 10
SMALLEST_CHUNK = 20
TURN_SECONDS = 1.0
# After a slow round the execution's state is looked at again: somebody may have paused it.
STALE_SECONDS = 0.1
RECONNECT_PAUSE_SECONDS = 0.5
RECONNECT_FOR_SECONDS = 60.0
# The connection is gone; the second is what PostgreSQL says to a process that was stopped in its transaction.
AWAY = (OperationalError, IdleInTransactionSessionTimeout)
logger = logging.getLogger(__name__)


class Lane(NamedTuple):
    """What a turn works with."""

    runtime: Runtime
    prepared: Prepared
    provider: Available
    adapter: Adapter
    ends: float


class TurnEnd(NamedTuple):
    """`more`: time ran out before the work did. `closed`: a batch was finished, so the execution may be.
    `dry`: no batch was due any more. `lost`: a batch that was taken from us, to be settled by what we know."""

    more: bool
    closed: bool
    dry: bool = False
    lost: Lost | None = None


async def run_turn(runtime: Runtime, prepared: Prepared, provider: Available) -> TurnEnd:
    """Works on one batch after the other for about a second. Raises ConfigError."""
    adapter = await runtime.adapter(provider.id, provider.settings)
    lane = Lane(runtime, prepared, provider, adapter, time.monotonic() + TURN_SECONDS)
    closed = False
    while time.monotonic() < lane.ends:
        journal = runtime.journal()
        try:
            claim = await claim_batch(await runtime.connection(), prepared.id, journal=journal.name)
        except OperationalError:
            # It may have been claimed: two batches must not share a journal, or recovering one takes it from the other.
            runtime.abandon_journal()
            raise
        if claim is None:
            return TurnEnd(more=False, closed=closed, dry=True)
        work = BatchWork(lane, claim, journal)
        closed |= await work.run()
        if work.lost is not None:
            return TurnEnd(more=True, closed=closed, lost=work.lost)
        if work.stopped:
            return TurnEnd(more=work.cut_off, closed=closed)
        if work.gave_way:
            break
    return TurnEnd(more=True, closed=closed)


async def run_ending_turn(runtime: Runtime, execution: Execution, reason: SkipReason) -> TurnEnd:
    """Gives the batches of an execution that was cancelled, or is past its cut-off, their rows, without its provider
    or its content."""
    ends = time.monotonic() + TURN_SECONDS
    connection = await runtime.connection()
    while time.monotonic() < ends:
        claim = await claim_batch(connection, execution.pk, journal="")
        if claim is None:
            return TurnEnd(more=False, closed=True)
        await skip_rest(connection, execution, claim, reason)
    return TurnEnd(more=True, closed=True)


class BatchWork:
    """One claimed batch. `stopped`: the lane has nothing more to do, for the provider's or the execution's sake;
    `cut_off`: but give everybody who is left a row.
    """

    def __init__(self, lane: Lane, claim: Claim, journal: Journal) -> None:
        self._lane = lane
        self._journal = journal
        self._window = Window.of(claim)
        self._loop = asyncio.get_running_loop()
        self._database = asyncio.Lock()
        self._most = lane.adapter.chunk
        self._chunk = PROBE_CHUNK if lane.provider.probing else self._most
        self._round = lane.runtime.rounds[lane.provider.id]
        self._refusal: str | None = None
        self._probing = lane.provider.probing
        self._pace = Pace(lane.runtime, lane.provider, claim, domain_of_batch(claim.reason))
        self._settled = 0
        self._first_at: float | None = None
        self._looked_at = self._loop.time()
        self._lease_ends = self._looked_at + LEASE_SECONDS
        self.stopped = False
        self.cut_off = False
        self.lost: Lost | None = None

    @property
    def gave_way(self) -> bool:
        """The lane ends its turn early for an execution that goes first."""
        return self._pace.gives_way

    async def run(self) -> bool:
        """True when the batch is finished. Trouble that we can't mend leaves it to recovery, with the journal."""
        try:
            await self._chunks()
        except LeaseLost as lost:
            logger.warning("%s was given to another worker", lost)
            self._lane.runtime.part_with_journal(self._journal)
            self.lost = Lost(self._window, self._journal)
        except BaseException as error:
            self._lane.runtime.abandon_journal(f"{type(error).__name__}: {error}")
            raise
        return self._window.finished

    async def _chunks(self) -> None:
        window = self._window
        state = await self._turn(want=await self._want(0))
        while state == State.RUNNING and (window.waiting or self._may_mark()) and self._patient():
            if self._pace.held:
                break
            messages = await self._pace.admit(window)
            sending = asyncio.ensure_future(self._send(messages))
            try:
                want = await self._want(len(messages))
                if want or window.fates:
                    state = await self._turn(want=want)
            except BaseException:
                await _stop(sending)
                raise
            await self._until_sent(sending)
            unsent = unsettled(messages, window)
            window.waiting = unsent + window.waiting
            await self._pace.learn(messages, unsent, settled=self._settled)
            await self._after_round()
            if self._refusal is not None:
                break
            self._adapt(len(messages))
            if self._loop.time() - self._looked_at > STALE_SECONDS:
                state = await self._turn(want=0)
        self.cut_off = state == CUT_OFF
        self.stopped |= state != State.RUNNING or self._pace.out_of_tokens
        if not window.finished:
            await self._turn(want=0, leave=True)
        await self._pace.leave(window)

    def _patient(self) -> bool:
        """What is marked is sent after the turn's end too, unless the provider drags its feet."""
        return time.monotonic() < self._lane.ends + LONGEST_ROUND_SECONDS

    def _may_mark(self) -> bool:
        more = self._window.marked_to < self._window.claim.size
        return more and self._refusal is None and self._pace.goes_on and time.monotonic() < self._lane.ends

    async def _want(self, sending: int) -> int:
        """How many to mark while `sending` are on their way, so that the provider is never left waiting."""
        if not self._may_mark():
            return 0
        left_over = max(0, sending - self._chunk)
        return await self._pace.take(self._chunk - left_over)

    async def _turn(self, *, want: int, leave: bool = False) -> str:
        """The chunk's transaction, repeated while the database is away."""
        give_up = self._loop.time() + RECONNECT_FOR_SECONDS
        async with self._database:
            while True:
                begun = self._loop.time()
                try:
                    connection = await self._lane.runtime.connection()
                    state = await turn_chunk(connection, self._lane.prepared, self._window, want=want, leave=leave)
                except AWAY:
                    if self._loop.time() > give_up:
                        raise
                    logger.warning("recording batch %s: the database is away", self._window.claim.id, exc_info=True)
                    await self._lane.runtime.drop_connection()
                    await asyncio.sleep(RECONNECT_PAUSE_SECONDS)
                    continue
                self._lease_ends = begun + LEASE_SECONDS
                self._looked_at = self._loop.time()
                return state

    async def _send(self, messages: list[Message]) -> None:
        """Whatever is not begun when the round ends, or the lease, or at the cut-off, stays for the next."""
        self._settled = 0
        self._first_at = None
        begun = self._loop.time()
        if messages and begun < self._window.ends:
            deadline = min(begun + self._round.seconds, self._lease_ends - 1 - FINISH_SECONDS, self._window.ends)
            await self._lane.adapter.send(messages, journal=self._journal.view, deadline=deadline, settle=self._settle)
            first = None if self._first_at is None else self._first_at - begun
            if not self._round.learn(first=first, lasted=self._loop.time() - begun) and self._refusal is None:
                self._refusal = TOO_SLOW

    def _settle(self, index: int, result: Result) -> None:
        window = self._window
        if result.verdict is Verdict.UNAVAILABLE:
            self._refusal = result.response or "it takes nothing"
            return
        if result.verdict is Verdict.THROTTLED:
            self._pace.throttled[index] = result
        fate = fate_of(
            result,
            attempts=window.claim.attempt,
            on_unknown=self._lane.prepared.on_unknown,
            at=self._loop.time(),
        )
        if fate is not None:
            window.fates[index] = fate
            self._settled += 1
            if self._first_at is None:
                self._first_at = self._loop.time()

    async def _until_sent(self, sending: asyncio.Future[None]) -> None:
        """The lease is renewed while the provider lets us wait: it ends only if we do. Raises LeaseLost."""
        try:
            while not (await asyncio.wait({sending}, timeout=RENEW_SECONDS))[0]:
                if not await self._renew():
                    raise LeaseLost(f"batch {self._window.claim.id}")
        except BaseException:
            await _stop(sending)
            raise
        sending.result()

    async def _renew(self) -> bool:
        begun = self._loop.time()
        try:
            async with self._database:
                held = await renew_lease(await self._lane.runtime.connection(), self._window.claim)
        except OperationalError:
            return begun < self._lease_ends
        self._lease_ends = begun + LEASE_SECONDS
        return held

    def _adapt(self, sent: int) -> None:
        """To what the provider takes in a round."""
        if sent and self._settled:
            self._chunk = min(self._most, max(SMALLEST_CHUNK, 2 * self._settled))

    async def _after_round(self) -> None:
        connection = await self._lane.runtime.connection()
        if self._refusal is not None:
            self.stopped = True
            await breaker.trip(connection, self._lane.provider, self._refusal)
        elif self._probing and self._settled:
            self._probing = False
            self._chunk = self._most
            await breaker.mend(connection, self._lane.provider)


async def _stop(sending: asyncio.Future[None]) -> None:
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
