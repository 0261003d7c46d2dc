"""Takes a request of an SDK in: people, links, events, in one transaction. What it answers 200 to is committed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from audiences.bad_value import BadValue
from audiences.events.persons import PersonRow, resolve
from audiences.events.recording import database_now, received_before, record
from audiences.events.sdk import links
from audiences.events.sdk.attached import trigger_attached
from audiences.events.sdk.message import Arrival, Message, parse_message
from audiences.events.sdk.person import UNSUBSCRIBED, Told, told_by
from audiences.rights.consent_history import Changed, write_changes
from audiences.rights.models import Way
from audiences.rights.said import Said
from audiences.upsert import Rejection, upsert_contacts
from workspaces.models import App

_TELL_OF_PEOPLE = ("identify", "group", "alias")


@dataclass(slots=True)
class Accepted:
    """`rejected` also names messages whose event is kept, while a part of what they say of a person is not."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejection] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    app: App
    now: datetime
    messages: list[Message]
    rejected: list[Rejection]
    contacts: dict[int, int] = field(default_factory=dict)

    def refuse(self, index: int, error: BadValue) -> None:
        self.rejected.append(Rejection(index, error.field, error.code, error.message))


@transaction.atomic
def accept_messages(
    *, app: App, messages: Sequence[Any], kind: str | None = None, sent_at: object = None, context: object = None
) -> Accepted:
    """`kind` where the address names it; in a batch each message says its own. Bad messages harm no others."""
    now = database_now()
    kept = timedelta(days=settings.EVENT_RETENTION_DAYS)
    batch = _parse(app, messages, kind, Arrival(app.pk, now, kept, sent_at, context))
    to_link = {anonymous_id for one in batch.messages if (anonymous_id := _linked_id(one)) is not None}
    recorded = {one.anonymous_id for one in batch.messages if one.anonymous_id is not None and one.user_id is None}
    links.lock(workspace_id=app.workspace_id, linked=to_link, recorded=recorded)
    parsed = len(batch.messages)
    _leave_out_repeated(batch)
    _write_people(batch)
    _name_the_rest(batch)
    trigger_attached(workspace_id=app.workspace_id, attached=_link(batch), now=now)
    _name_the_anonymous(batch)
    for one in batch.messages:
        one.event.contact_id = batch.contacts.get(one.index)
    new = record(workspace_id=app.workspace_id, events=[one.event for one in batch.messages], now=now)
    batch.rejected.sort(key=lambda rejection: rejection.index)
    return Accepted(len(new), parsed - len(new), batch.rejected)


def _parse(app: App, given: Sequence[Any], kind: str | None, arrival: Arrival) -> _Batch:
    batch = _Batch(app, arrival.now, [], [])
    for index, message in enumerate(given):
        try:
            batch.messages.append(one := parse_message(index, message, arrival, kind=kind))
            if one.untimely is not None:
                batch.refuse(index, one.untimely)
        except BadValue as error:
            batch.refuse(index, error)
    return batch


def _leave_out_repeated(batch: _Batch) -> None:
    """An SDK that saw no answer sends again: what an old message said of a person must not undo what a newer one did.

    `record` tells all others, once more, and without a question of its own.
    """
    first: dict[UUID, Message] = {}
    for one in batch.messages:
        first.setdefault(one.event.message_key, one)
    telling = [key for key, one in first.items() if one.kind in _TELL_OF_PEOPLE]
    known = received_before(workspace_id=batch.app.workspace_id, keys=telling, now=batch.now) if telling else ()
    batch.messages = [one for key, one in first.items() if key not in known]


def _linked_id(message: Message) -> str | None:
    """The anonymous id that a message says the person of."""
    if message.kind == "alias":
        return message.previous_id
    return message.anonymous_id if message.kind == "identify" else None


def _write_people(batch: _Batch) -> None:
    """What identify and group say of people, in their order, and then those who are new otherwise.

    In one upsert: two in one transaction would take their locks on names out of order.
    """
    told = [(one, told_by(one, app_id=batch.app.app_id)) for one in batch.messages if one.kind in ("identify", "group")]
    _name_who_is_known(batch, told)
    told = [(one, what) for one, what in told if what.names_somebody]
    for one, what in told:
        if what.left_out is not None:
            batch.refuse(one.index, what.left_out)
    new = _unknown(batch, {one.index for one, _ in told})
    if not told and not new:
        return
    rows = [*(what.row for _, what in told), *({"external_id": one.user_id} for one in new)]
    report = upsert_contacts(workspace_id=batch.app.workspace_id, rows=rows, field_prefix="", way=Way.SDK)
    messages = [*(one for one, _ in told), *new]
    for refused in report.rejected:
        batch.refuse(messages[refused.index].index, BadValue(refused.code, refused.message, field="traits"))
    for one, contact_id in zip(messages, report.contact_ids, strict=True):
        if contact_id is not None:
            batch.contacts[one.index] = contact_id
    _unsubscribe(batch, told)


def _name_who_is_known(batch: _Batch, told: Sequence[tuple[Message, Told]]) -> None:
    """Who said once who they are tells more of themselves under their anonymous id alone."""
    silent = {one.anonymous_id for one, what in told if what.row and not what.names_somebody} - {None}
    if not silent:
        return
    names = links.names(workspace_id=batch.app.workspace_id, anonymous_ids=cast(set[str], silent))
    for one, what in told:
        if one.anonymous_id is None:
            continue
        if not what.names_somebody:
            what.row |= names.get(one.anonymous_id, {})
        elif one.kind == "identify":
            names[one.anonymous_id] = what.names


def _unknown(batch: _Batch, told: Collection[int]) -> list[Message]:
    """One message of each user id that nobody has yet; the messages of the others get their contacts."""
    left = [one for one in batch.messages if one.user_id is not None and one.index not in told]
    found = _resolve(batch, left, create_missing=False)
    batch.contacts |= {one.index: found[one.user_id] for one in left if one.user_id in found}
    return list({one.user_id: one for one in left if one.user_id not in found}.values())


def _resolve(batch: _Batch, messages: Sequence[Message], *, create_missing: bool) -> dict[str | None, int]:
    """Contact ids by user id."""
    persons = {user_id: PersonRow(user_id, {"external_id": user_id}) for one in messages if (user_id := one.user_id)}
    if not persons:
        return {}
    found = resolve(workspace_id=batch.app.workspace_id, persons=list(persons.values()), create_missing=create_missing)
    return {user_id: found[user_id] for user_id in persons if user_id in found}


def _unsubscribe(batch: _Batch, told: Sequence[tuple[Message, Told]]) -> None:
    """Every address of the type: who turns email off means all of it."""
    refusals = [
        (batch.contacts[one.index], kind, one.event.at)
        for one, what in told
        if one.index in batch.contacts
        for kind in sorted(what.unsubscribed)
    ]
    if refusals:
        source = f"sdk {batch.app.app_id}"[:100]
        with connection.cursor() as cursor:
            cursor.execute(_UNSUBSCRIBE, [*map(list, zip(*refusals, strict=True)), source])
            changes = [
                Changed(contact_id, kind, value, Said(*before), Said(UNSUBSCRIBED, source, at))
                for contact_id, kind, value, *before, at in cursor.fetchall()
            ]
        write_changes(workspace_id=batch.app.workspace_id, changes=changes, way=Way.SDK)


def _name_the_rest(batch: _Batch) -> None:
    """Further messages of those just made, and of those whose traits were refused."""
    left = [one for one in batch.messages if one.user_id is not None and one.index not in batch.contacts]
    found = _resolve(batch, left, create_missing=True)
    batch.contacts |= {one.index: found[one.user_id] for one in left if one.user_id in found}


def _link(batch: _Batch) -> Sequence[links.Attached]:
    """The last one to say so counts, as between requests."""
    contacts = {
        anonymous_id: batch.contacts[one.index]
        for one in batch.messages
        if one.index in batch.contacts and (anonymous_id := _linked_id(one)) is not None
    }
    return links.link(workspace_id=batch.app.workspace_id, contacts=contacts)


def _name_the_anonymous(batch: _Batch) -> None:
    left = [one for one in batch.messages if one.index not in batch.contacts and one.anonymous_id is not None]
    wanted = {one.anonymous_id for one in left if one.anonymous_id is not None}
    found = links.known(workspace_id=batch.app.workspace_id, anonymous_ids=wanted)
    batch.contacts |= {one.index: found[one.anonymous_id] for one in left if one.anonymous_id in found}


_UNSUBSCRIBE = """
WITH before AS (
    SELECT a.id, a.consent, a.consent_source, a.consent_at, one.at
    FROM (
        SELECT contact_id, type, max(at) AS at
        FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS given(contact_id, type, at)
        GROUP BY contact_id, type
    ) one
    JOIN audiences_address a ON a.contact_id = one.contact_id AND a.type = one.type AND a.consent <> 'unsubscribed'
    ORDER BY a.id FOR NO KEY UPDATE OF a
)
UPDATE audiences_address a SET consent = 'unsubscribed', consent_source = %s, consent_at = before.at
FROM before WHERE a.id = before.id
RETURNING a.contact_id, a.type, a.value, before.consent, before.consent_source, before.consent_at, a.consent_at
"""
