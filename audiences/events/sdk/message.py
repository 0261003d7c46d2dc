"""One call of an SDK, as Segment's spec describes it, judged. Pure: knows no database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from audiences.bad_value import BadValue, shown
from audiences.events.content import ID_LENGTH, MAX_BYTES, message_key, parse_id, parse_name, parse_properties
from audiences.events.recording import NewEvent
from audiences.events.sdk.clock import corrected

KINDS = ("track", "identify", "page", "screen", "group", "alias")


@dataclass(slots=True)
class Message:
    """`event` lacks its contact. `previous_id` is an alias's; `traits` are those of an identify or a group.

    `untimely` says why the event has another time than the message names.
    """

    index: int
    kind: str
    event: NewEvent
    user_id: str | None
    anonymous_id: str | None
    traits: Mapping[str, Any]
    context: Mapping[str, Any]
    previous_id: str | None = None
    group_id: str | None = None
    untimely: BadValue | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is the same for every message of a request."""

    app_id: int
    now: datetime
    kept: timedelta
    sent_at: object = None
    context: object = None


def parse_message(index: int, given: object, arrival: Arrival, *, kind: str | None = None) -> Message:
    """`kind` is the address's, where that names it. Raises BadValue, its `field` relative to the message."""
    if not isinstance(given, dict):
        raise BadValue("wrong_type", "A message must be an object.")
    kind = kind or _kind(given.get("type"))
    user_id = parse_id(given.get("userId"), field="userId")
    anonymous_id = parse_id(given.get("anonymousId"), field="anonymousId")
    previous_id = parse_id(given.get("previousId"), field="previousId") if kind == "alias" else None
    _refuse_nobody(kind, user_id, anonymous_id, previous_id)
    group_id = parse_id(given.get("groupId"), field="groupId") if kind == "group" else None
    context = given.get("context") if given.get("context") is not None else arrival.context
    if kind == "identify":
        traits, context = _all_traits(given.get("traits"), context)
        given = {**given, "traits": traits}
    traits = given.get("traits")
    event, untimely = _event(kind, given, arrival, context)
    event.anonymous_id = anonymous_id
    return Message(
        index=index,
        kind=kind,
        event=event,
        user_id=user_id,
        anonymous_id=anonymous_id,
        traits=traits if isinstance(traits, dict) else {},
        context=context if isinstance(context, dict) else {},
        previous_id=previous_id,
        group_id=group_id,
        untimely=untimely,
    )


def _all_traits(traits: object, context: object) -> tuple[object, object]:
    """And what is left of the context: RudderStack's SDKs put the traits into it. What is no object is refused later,
    in the parser's words."""
    told = context.get("traits") if isinstance(context, dict) else None
    if not isinstance(context, dict) or not isinstance(told, dict) or not (traits is None or isinstance(traits, dict)):
        return traits, context
    return {**told, **(traits or {})}, {name: one for name, one in context.items() if name != "traits"}


def _kind(value: object) -> str:
    if value in KINDS:
        return str(value)
    raise BadValue("unknown_choice", f"{shown(value)} is no type of message; one of {', '.join(KINDS)}.", field="type")


def _refuse_nobody(kind: str, user_id: str | None, anonymous_id: str | None, previous_id: str | None) -> None:
    if kind == "alias" and (user_id is None or previous_id is None):
        raise BadValue("required", "An alias needs a previousId and a userId.", field="previousId")
    if user_id is None and anonymous_id is None:
        raise BadValue("required", "A message needs a userId or an anonymousId.", field="userId")


def _event(kind: str, given: Mapping[str, Any], arrival: Arrival, context: object) -> tuple[NewEvent, BadValue | None]:
    properties = parse_properties(_properties(kind, given), field=_CARRIER[kind])
    kept_context = None if context is None else parse_properties(context, field="context")
    size = len(properties) + len(kept_context or "")
    if size > MAX_BYTES:
        raise BadValue("too_large", f"A message has at most {MAX_BYTES:,} bytes; this has {size:,}.", field="context")
    message_id = _message_id(given.get("messageId"))
    timestamp = given.get("originalTimestamp") or given.get("timestamp")
    sent_at = given.get("sentAt") or arrival.sent_at
    at, untimely = corrected(timestamp, sent_at=sent_at, now=arrival.now, kept=arrival.kept)
    event = NewEvent(
        source=kind,
        name=parse_name(given.get("event")) if kind == "track" else kind,
        at=at,
        message_id=message_id[:ID_LENGTH],
        message_key=message_key(app_id=arrival.app_id, message_id=message_id),
        app_id=arrival.app_id,
        properties=properties,
        context=kept_context,
    )
    return event, untimely


_CARRIER = {
    "track": "properties",
    "page": "properties",
    "screen": "properties",
    "identify": "traits",
    "group": "traits",
    "alias": "properties",
}


def _properties(kind: str, given: Mapping[str, Any]) -> object:
    """What the event keeps: a page's own name and category, a group's id and an alias's two ids included."""
    carried = given.get(_CARRIER[kind])
    if carried is not None and not isinstance(carried, dict):
        return carried  # refused by the parser, in its words
    more = {name: given.get(field) for field, name in _ALSO.get(kind, {}).items()}
    return {**{name: value for name, value in more.items() if value is not None}, **(carried or {})}


_ALSO = {
    "page": {"name": "name", "category": "category"},
    "screen": {"name": "name", "category": "category"},
    "group": {"groupId": "group_id"},
    "alias": {"previousId": "previous_id", "userId": "user_id"},
}


def _message_id(value: object) -> str:
    """Longer ones than are kept still tell messages apart: all of it goes into the key."""
    if isinstance(value, str) and value and "\0" not in value:
        try:
            value.encode()
        except UnicodeEncodeError:
            return str(uuid4())
        return value
    return str(uuid4())
