"""The `trigger` of a campaign as its caller writes it: every error at once, at a bounded cost. Pure.

Ids in the audience of a business event are looked up elsewhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from audiences.audience_definition import Source, read_audience
from audiences.bad_value import BadValue
from audiences.events.content import NAME_LENGTH, parse_name
from audiences.events.models import EventTrigger, PerContact
from audiences.segments.reading import read_where
from audiences.segments.referring import REFERRING_TYPES, refers
from audiences.segments.schema_errors import unknown_field
from common.errors import FieldError
from common.fields import json_name
from common.personalization import shown

LONGEST_DELAY = 30 * 86_400
SHORTEST_WINDOW, LONGEST_WINDOW = 60, 366 * 86_400
_FIELDS = ("event", "where", "delay_seconds", "per_contact", "cancel_on", "audience")
_EXAMPLE = 'For example {"event": "cart_updated", "delay_seconds": 3600, "cancel_on": {"event": "order_placed"}}.'
_PER_CONTACT_HINT = 'One of "every", "once", {"window_seconds": 86400}.'


@dataclass(frozen=True, slots=True)
class TriggerReading:
    """`definition` in the words of `EventTrigger`, None for no trigger; fit to be kept only where there are no errors.

    `sources` is what its audience names.
    """

    definition: dict[str, Any] | None = None
    sources: tuple[Source, ...] = ()
    errors: tuple[FieldError, ...] = ()


def read_trigger(value: Any, *, field: str = "trigger") -> TriggerReading:
    if value is None:
        return TriggerReading()
    if not isinstance(value, dict):
        message = f"A trigger is an object; this is {json_name(value)}."
        return TriggerReading(errors=(FieldError(field, "wrong_type", message, shown(value), hint=_EXAMPLE),))
    reader = _Reader(field)
    definition = reader.definition(value)
    return TriggerReading(definition, tuple(reader.sources), tuple(reader.errors))


class _Reader:
    def __init__(self, root: str) -> None:
        self._root = root
        self.errors: list[FieldError] = []
        self.sources: list[Source] = []

    def definition(self, value: Mapping[str, Any]) -> dict[str, Any]:
        self._known(value, _FIELDS, self._root)
        event_name, conditions = self._event(value, self._root)
        per_contact, window = self._per_contact(value.get("per_contact"))
        cancel_event, cancel_conditions = self._cancel_on(value.get("cancel_on"))
        audience = self._audience(value.get("audience"))
        if audience is not None:
            self._of_the_business(value)
        return {
            "event_name": event_name,
            "conditions": conditions,
            "delay_seconds": self._delay(value.get("delay_seconds")),
            "per_contact": per_contact,
            "window_seconds": window,
            "cancel_event": cancel_event,
            "cancel_conditions": cancel_conditions,
            "business": audience is not None,
            "audience": audience,
        }

    def _event(self, value: Mapping[str, Any], field: str, *, refers: bool = False) -> tuple[str, list[dict[str, Any]]]:
        where = read_where(value.get("where"), field=f"{field}.where", refers=refers)
        self.errors.extend(where.errors or _dates_referring(where.where, f"{field}.where"))
        try:
            return parse_name(value.get("event")), where.where
        except BadValue as error:
            limit = NAME_LENGTH if error.code == "too_long" else None
            self.errors.append(
                FieldError(f"{field}.event", error.code, error.message, shown(value.get("event")), limit)
            )
            return "", where.where

    def _cancel_on(self, value: Any) -> tuple[str, list[dict[str, Any]]]:
        field = f"{self._root}.cancel_on"
        if value is None:
            return "", []
        if not isinstance(value, dict):
            message = f"This is an object; it is {json_name(value)}."
            self._add(field, "wrong_type", message, value, hint='For example {"event": "order_placed"}.')
            return "", []
        self._known(value, ("event", "where"), field)
        return self._event(value, field, refers=True)

    def _delay(self, value: Any) -> int:
        return 0 if value is None else self._seconds(value, f"{self._root}.delay_seconds", 0, LONGEST_DELAY)

    def _per_contact(self, value: Any) -> tuple[str, int | None]:
        field = f"{self._root}.per_contact"
        if value is None:
            return PerContact.EVERY.value, None
        if isinstance(value, dict):
            self._known(value, ("window_seconds",), field)
            seconds = value.get("window_seconds")
            return PerContact.WINDOW.value, self._seconds(
                seconds, f"{field}.window_seconds", SHORTEST_WINDOW, LONGEST_WINDOW
            )
        if value not in (PerContact.EVERY.value, PerContact.ONCE.value):
            self._add(field, "unknown_choice", "This is none of the words known here.", value, hint=_PER_CONTACT_HINT)
            return PerContact.EVERY.value, None
        return str(value), None

    def _seconds(self, value: Any, field: str, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            code = "required" if value is None else "wrong_type"
            self._add(field, code, f"This is a whole number of seconds; it is {json_name(value)}.", value)
            return least
        if not least <= value <= most:
            code, limit = ("too_small", least) if value < least else ("too_large", most)
            message = f"This is between {least:,} and {most:,} seconds."
            self.errors.append(FieldError(field, code, message, value, limit))
        return min(max(value, least), most)

    def _audience(self, value: Any) -> dict[str, Any] | None:
        """As an execution keeps one. Contacts named one by one would be the same at each event: they have a list."""
        if value is None:
            return None
        found = read_audience(value)
        self.errors.extend(replace(one, field=f"{self._root}.{one.field}") for one in found.errors)
        self.sources.extend(replace(one, field=f"{self._root}.{one.field}") for one in found.sources)
        if found.stored.get("type") == "contacts":
            hint = "Put them in a list, and name that."
            message = "The audience of a trigger is not named one by one."
            self.errors.append(FieldError(f"{self._root}.audience.type", "not_allowed", message, "contacts", hint=hint))
        return found.stored

    def _of_the_business(self, value: Mapping[str, Any]) -> None:
        """An event with an audience is nobody's own."""
        hint = "Leave it out, or leave out the audience if the event is a contact's own."
        if value.get("cancel_on") is not None:
            message = "A business event has no contact whose event could cancel it."
            self.errors.append(FieldError(f"{self._root}.cancel_on", "not_allowed", message, hint=hint))
        if value.get("per_contact") not in (None, PerContact.EVERY.value):
            message = "Each business event launches; frequency caps hold how often one contact gets something."
            self.errors.append(FieldError(f"{self._root}.per_contact", "not_allowed", message, hint=hint))

    def _known(self, value: Mapping[str, Any], known: tuple[str, ...], field: str) -> None:
        unknown = [name for name in value if name not in known]
        self.errors.extend(unknown_field(field, name, known) for name in unknown[:20])

    def _add(self, field: str, code: str, message: str, value: Any, *, hint: str | None = None) -> None:
        self.errors.append(FieldError(field, code, message, shown(value), hint=hint))


def _dates_referring(where: Sequence[dict[str, Any]], field: str) -> Iterator[FieldError]:
    for place, one in enumerate(where):
        if refers(one) and one["value_type"] not in REFERRING_TYPES:
            message = f"A {one['value_type']} can't be compared with a property of the event that triggers."
            hint = f"Types that can: {', '.join(REFERRING_TYPES)}."
            yield FieldError(f"{field}[{place}].value_type", "not_allowed", message, one["value_type"], hint=hint)


def trigger_on_wire(trigger: EventTrigger) -> dict[str, Any]:
    """What `read_trigger` would read again."""
    window = {"window_seconds": trigger.window_seconds}
    cancel_on = {"event": trigger.cancel_event, "where": trigger.cancel_conditions}
    return {
        "event": trigger.event_name,
        "where": trigger.conditions,
        "delay_seconds": trigger.delay_seconds,
        "per_contact": window if trigger.per_contact == PerContact.WINDOW else trigger.per_contact,
        "cancel_on": cancel_on if trigger.cancel_event else None,
        "audience": trigger.audience,
    }
