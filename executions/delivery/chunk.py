"""The one transaction per chunk: what became of the last one is recorded, the next one is marked.

Marked means: from this commit on, it may be handed to the provider. The steps are those of the design, in order.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from psycopg import AsyncConnection, AsyncCursor, Error
from psycopg.errors import UniqueViolation
from psycopg.sql import SQL, Literal

from campaigns.models import OnCap
from executions.caps import reservation
from executions.caps.reservation import CapRow, Caps
from executions.delivery.batches import Claim, park
from executions.delivery.fates import Fate, parked, skipped
from executions.delivery.judging import by_clock, message_or_fate
from executions.delivery.leases import LET_GO_IF_SILENT
from executions.delivery.prepared import Prepared, Recording
from executions.delivery.progressing import update_sql
from executions.delivery.roster import NESTED_LOOPS
from executions.delivery.window import Counts, Recorded, Window, record
from executions.states import SkipReason, State
from providers.contract import Message

# Rendering shares the loop with the sockets: it pauses after this many messages.
RENDERED_AT_ONCE = 50
# A chunk whose messages take longer than that to render is cut short: its batch is locked meanwhile, and others wait.
RENDER_SECONDS = 1.0
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# Answered in the place of a state by an execution that runs, and whose cut-off is past for everybody.
CUT_OFF = "cut_off"


class LeaseLost(Exception):
    """The batch is another's: whatever we still know of it is refused."""


class Locked(NamedTuple):
    """The batch's row and its execution's state, under lock. `clock` is in microseconds since 2000, at `now`.

    `left`: seconds until the cut-off is past for everybody, None where there is none.
    """

    position: int
    marked_to: int
    reasons: dict[str, Counts]
    state: str
    clock: int
    now: float
    left: float | None

    @property
    def over(self) -> bool:
        return self.left is not None and self.left <= 0


class Marked(NamedTuple):
    """The next chunk, as read and rendered: by place."""

    stop: int
    recipients: dict[int, tuple[int, int]]
    fates: dict[int, Fate]
    messages: list[Message]
    reserved: set[int]


async def turn_chunk(
    connection: AsyncConnection,
    recording: Recording,
    window: Window,
    *,
    want: int = 0,
    leave: bool = False,
    recovering: bool = False,
) -> str:
    """Records what is settled, marks up to `want` more if the execution still runs; answers its state, or `CUT_OFF`.

    With `leave`, everything settled is recorded, what is not begun is handed back, and the batch is released.
    Only for a `Prepared` anything is marked: to record what became of messages needs no content.
    `recovering`: its worker crashed. Safe to repeat after a failure, also after a commit whose answer was lost.
    Raises LeaseLost.
    """
    turn = partial(_turn_chunk, connection, recording, window, want=want, leave=leave, recovering=recovering)
    try:
        return await turn(staged=False)
    except UniqueViolation:
        # A successor was there and has recorded some of it. What was sent is not rolled back for that.
        return await turn(staged=True)


async def _turn_chunk(
    connection: AsyncConnection,
    recording: Recording,
    window: Window,
    *,
    want: int,
    leave: bool,
    recovering: bool,
    staged: bool,
) -> str:
    """Statements that can go together do, in one message to the server: of a chunk, each costs as much as a mail."""
    cursor = connection.cursor()
    try:
        locked, caps_there = await _begin(cursor, recording, window.claim)
        window.forget(locked.position)
        if leave:
            _hand_back(window)
        made = record(window, stop=window.settled_to, clock=locked.clock, now=locked.now)
        _free(window, made, leave=leave)
        if leave and caps_there:
            made.freed |= await _marked_unknown(cursor, window, locked)
        await write_recorded(cursor, recording, window, made, recorded_at=locked.clock, staged=staged)
        marked = _nothing(window, locked, leave=leave, stop=made.stop)
        caps = await _caps(cursor, recording, caps_there, needed=bool(made.freed) or want > 0)
        running = locked.state == State.RUNNING and not locked.over
        if running and want and not leave and isinstance(recording, Prepared):
            # After a commit whose answer was lost, more is marked than we know of: it was not begun.
            stop = min(max(window.marked_to + want, locked.marked_to), window.claim.size)
            marked = await _read_next(cursor, recording, window, stop, locked)
        await _settle_caps(cursor, recording, window, made.freed, marked, caps)
        update = update_sql(
            window.claim, made, marked.stop, locked.reasons, release=leave, recovering=recovering, context=cursor
        )
        await cursor.execute(update + b"; COMMIT")
    except BaseException:
        with suppress(Error):
            await connection.rollback()
        raise
    window.forget(made.stop)
    _take_over(window, marked)
    if locked.left is not None:
        window.ends = locked.now + locked.left
    return CUT_OFF if locked.over and locked.state == State.RUNNING else locked.state


async def _begin(cursor: AsyncCursor, recording: Recording, claim: Claim) -> tuple[Locked, Sequence[CapRow]]:
    """The transaction, with the batch's row locked, and the workspace's caps. Raises LeaseLost."""
    lock = _LOCK.format(id=Literal(claim.id), token=Literal(claim.token))
    caps = reservation.CAPS.format(workspace=Literal(recording.workspace_id))
    await cursor.execute(SQL("; ").join([_BEGIN, lock, caps]))
    while cursor.description is None:
        cursor.nextset()
    locked = _locked(await cursor.fetchone(), claim)
    cursor.nextset()
    return locked, await cursor.fetchall()


_BEGIN = SQL(f"BEGIN; {LET_GO_IF_SILENT}; {NESTED_LOOPS}")
_LOCK = SQL("""
    SELECT b.position, b.marked_to, b.reasons, e.state,
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - 946684800000000,
        extract(epoch FROM least(e.cut_off_at, e.cut_off_last) - clock_timestamp())::float
    FROM executions_batch b JOIN executions_execution e ON e.id = b.execution_id
    WHERE b.id = {id} AND b.lease_token = {token} FOR UPDATE OF b
""")


async def lock_batch(cursor: AsyncCursor, claim: Claim) -> Locked:
    """In the caller's transaction. Raises LeaseLost."""
    await cursor.execute(LET_GO_IF_SILENT)
    await cursor.execute(_LOCK.format(id=Literal(claim.id), token=Literal(claim.token)))
    return _locked(await cursor.fetchone(), claim)


def _locked(row: Any, claim: Claim) -> Locked:
    if row is None:
        raise LeaseLost(f"batch {claim.id}")
    position, marked_to, reasons, state, clock, left = row
    return Locked(position, marked_to, reasons, state, clock, asyncio.get_running_loop().time(), left)


def _hand_back(window: Window) -> None:
    """What is not begun goes back: as the rest of the batch, or parked where something after it is settled already."""
    last = max(window.fates, default=window.position)
    for place in range(window.position, last):
        if place not in window.fates:
            window.fates[place] = parked("ready", 0.0, attempts=window.claim.attempt)


def _free(window: Window, made: Recorded, *, leave: bool) -> None:
    """A use is not given back for a contact that is still in flight, and is for one that is sent to another time.

    By then the use would be too old: a window that slid past it would let another message through.
    """
    if not (made.freed or (leave and window.reserved)):
        return
    open_ones = {contact for place, (contact, _address) in window.recipients.items() if place >= made.stop}
    if leave:
        made.freed |= open_ones & window.reserved
    else:
        made.freed -= open_ones


async def _marked_unknown(cursor: AsyncCursor, window: Window, locked: Locked) -> set[int]:
    """The contacts of a chunk that was marked, and reserved, by a commit whose answer was lost: nobody was begun."""
    if locked.marked_to <= window.marked_to:
        return set()
    await cursor.execute(
        "SELECT unnest(contact_ids[%s:%s]) FROM executions_batchrecipients WHERE batch_id = %s",
        [window.marked_to + 1, locked.marked_to, window.claim.id],
    )
    return {row[0] for row in await cursor.fetchall()}


async def write_recorded(
    cursor: AsyncCursor, recording: Recording, window: Window, made: Recorded, *, recorded_at: int, staged: bool
) -> None:
    """`staged`: rows that are there already stay. Raises UniqueViolation for them otherwise."""
    write = recording.ledger.write_new if staged else recording.ledger.write
    await write(cursor, made.rows, recorded_at=recorded_at)
    await park(cursor, window.claim, made.parked)
    if made.dead_addresses:
        await cursor.execute(_MARK_DEAD, [made.dead_addresses])


_MARK_DEAD = """
    UPDATE audiences_address SET state = 'dead' WHERE state = 'active' AND id IN (
        SELECT b.id FROM audiences_address a JOIN audiences_address b ON b.workspace_id = a.workspace_id
            AND b.type = a.type AND b.value = a.value AND b.app_id IS NOT DISTINCT FROM a.app_id
        WHERE a.id = ANY (%s::bigint[]) ORDER BY b.id FOR UPDATE OF b)
"""


def _nothing(window: Window, locked: Locked, *, leave: bool, stop: int) -> Marked:
    return Marked(stop if leave else max(window.marked_to, locked.position), {}, {}, [], set())


async def _caps(cursor: AsyncCursor, recording: Recording, there: Sequence[CapRow], *, needed: bool) -> Caps | None:
    if not needed or not there:
        return None
    return await reservation.caps_among(
        cursor,
        there,
        workspace_id=recording.workspace_id,
        execution_id=recording.id,
        type=recording.type,
        tags=recording.tags,
        limited=recording.frequency_capping,
    )


async def _read_next(cursor: AsyncCursor, prepared: Prepared, window: Window, stop: int, locked: Locked) -> Marked:
    """Consent, suppression and existence as they are now; rendering comes before reserving."""
    marked = Marked(stop, {}, {}, [], set())
    start, late = window.marked_to, time.monotonic() + RENDER_SECONDS
    now = _EPOCH + timedelta(microseconds=locked.clock)
    at, attempts, clocks = now.replace(microsecond=0), window.claim.attempt, prepared.clocks
    said = None if clocks is None else clocks.at(now)
    found = await prepared.roster.read(
        cursor, batch_id=window.claim.id, start=start, stop=stop, zones=clocks is not None
    )
    if prepared.cancelling is not None:
        found = await prepared.cancelling.ruled_out(cursor, found)
    for place, recipient in enumerate(found, start):
        marked.recipients[place] = (recipient.contact_id, recipient.address_id)
        their = None if said is None else said[recipient.zone or ""]
        if clocks is None or their is None:
            made = message_or_fate(prepared, place, recipient, at, attempts=attempts)
        else:
            made = by_clock(prepared, place, recipient, now, clocks, their, attempts=attempts)
        if isinstance(made, Message):
            marked.messages.append(made)
        else:
            marked.fates[place] = made
        if time.monotonic() > late and locked.marked_to <= place + 1 < stop:
            return marked._replace(stop=place + 1)
        if not place % RENDERED_AT_ONCE:
            await asyncio.sleep(0)
    return marked


async def _settle_caps(
    cursor: AsyncCursor, recording: Recording, window: Window, freed: set[int], marked: Marked, caps: Caps | None
) -> None:
    """Gives back what did not become a message, and reserves the next chunk; the capped ones lose their message."""
    if caps is None:
        return
    wanted = {marked.recipients[message.index][0] for message in marked.messages}
    if freed:
        lock = reservation.make_and_lock_uses if wanted else reservation.lock_uses
        await lock(cursor, caps, freed | wanted)
        used = await reservation.still_used(
            cursor, caps, freed, launched_on=recording.launched_on, batch_id=window.claim.id
        )
        await reservation.give_back(cursor, caps, freed - used)
    if not wanted:
        return
    granted = await reservation.reserve(cursor, caps, wanted)
    marked.reserved.update(granted)
    if granted != wanted:
        await _cap(cursor, recording, window, marked, caps, wanted - granted)


async def _cap(
    cursor: AsyncCursor, recording: Recording, window: Window, marked: Marked, caps: Caps, refused: set[int]
) -> None:
    why = await reservation.explain(cursor, caps, refused)
    attempts = window.claim.attempt
    messages = marked.messages.copy()
    marked.messages.clear()
    for message in messages:
        contact = marked.recipients[message.index][0]
        if contact not in refused:
            marked.messages.append(message)
            continue
        capped = why.get(contact)
        if recording.on_cap == OnCap.DEFER:
            wait = max(capped.wait, 1.0) if capped else 1.0
            marked.fates[message.index] = parked(SkipReason.FREQUENCY_CAP.value, wait, attempts=attempts)
        else:
            words = capped.rule.words if capped else None
            marked.fates[message.index] = skipped(SkipReason.FREQUENCY_CAP, words, attempts=attempts)


def _take_over(window: Window, marked: Marked) -> None:
    """The commit is there: what was marked may be sent."""
    window.marked_to = marked.stop
    window.recipients.update(marked.recipients)
    window.fates.update(marked.fates)
    window.waiting.extend(marked.messages)
    window.reserved.update(marked.reserved)
