"""Where a recipient's fields come from, and which wins."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.personalization import RESERVED_NAMES

Fields = Mapping[str, object]
_NOTHING: Fields = {}


@dataclass(frozen=True, slots=True)
class Precedence:
    """The levels that are the same for a whole execution, merged once.

    Later wins: template defaults < campaign < contact attributes < execution < recipient (product.md,
    "Personalization"). Reserved names come from the system alone.
    """

    defaults: Fields = field(default_factory=dict)
    campaign: Fields = field(default_factory=dict)
    execution: Fields = field(default_factory=dict)
    reserved: Fields = field(default_factory=dict)
    """Reserved values that are the same for everyone, such as `campaign`."""
    _below: Fields = field(init=False, repr=False, default_factory=dict)
    _above: Fields = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_below", _unreserved({**self.defaults, **self.campaign}))
        object.__setattr__(self, "_above", {**_unreserved(self.execution), **_reserved_only(self.reserved)})

    def fields(
        self, attributes: Fields, recipient: Fields = _NOTHING, reserved: Fields = _NOTHING
    ) -> dict[str, object]:
        """One recipient's fields. `reserved` holds its own reserved values, such as `unsubscribe_url`.

        An attribute that is None is one that the contact doesn't have, so it doesn't hide a default.
        """
        if self._below and None in attributes.values():
            attributes = {name: value for name, value in attributes.items() if value is not None}
        if not RESERVED_NAMES.isdisjoint(attributes):
            attributes = _unreserved(attributes)
        if recipient:
            return {**self._below, **attributes, **self._above, **_unreserved(recipient), **reserved}
        return {**self._below, **attributes, **self._above, **reserved}


def _unreserved(values: Fields) -> Fields:
    return {name: value for name, value in values.items() if name not in RESERVED_NAMES}


def _reserved_only(values: Fields) -> Fields:
    unknown = values.keys() - RESERVED_NAMES
    if unknown:
        raise ValueError(f"not reserved names: {', '.join(sorted(unknown))}")
    return values


def merge_fields(
    *,
    defaults: Fields = _NOTHING,
    campaign: Fields = _NOTHING,
    attributes: Fields = _NOTHING,
    execution: Fields = _NOTHING,
    recipient: Fields = _NOTHING,
    reserved: Fields = _NOTHING,
) -> dict[str, object]:
    """One recipient's fields from all levels at once: `Precedence` for a single message."""
    levels = Precedence(defaults=defaults, campaign=campaign, execution=execution, reserved=reserved)
    return levels.fields(attributes, recipient)
