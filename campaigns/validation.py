"""The rules of a campaign's fields that need no database: everything that is wrong, at once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from campaigns.models import APPS_PER_CAMPAIGN, TAG_LENGTH, TAGS_PER_CAMPAIGN, OnCap, OnUnknown, Purpose
from common.channels import APP_TYPES, Type
from common.errors import FieldError
from common.personalization import personalization_errors, shown

NAME_LENGTH = 200
_CHOICES: dict[str, list[str]] = {
    "purpose": Purpose.values,
    "on_cap": OnCap.values,
    "on_unknown": OnUnknown.values,
}


def field_errors(fields: Mapping[str, Any]) -> Iterator[FieldError]:
    """`fields` is a whole campaign in the words of `CampaignFields`."""
    if fields.get("type") not in Type.values:
        yield type_error(fields.get("type"))
    yield from _name_errors(fields["name"] or "")
    yield from _app_errors(fields.get("type"), fields["app_ids"])
    yield from _tag_errors(fields["tags"])
    for name, words in _CHOICES.items():
        if fields[name] not in words:
            yield _choice_error(name, fields[name], words)
    yield from personalization_errors(fields["personalization"], field="personalization")
    if fields["once"] and fields["trigger"] is not None:
        message = "A campaign with a trigger is executed each hour in which there are events, not once."
        hint = 'To send to each contact once, say "per_contact": "once" in the trigger.'
        yield FieldError("once", "not_allowed", message, True, hint=hint)


def type_error(given: Any) -> FieldError:
    hint = f"One of: {', '.join(Type.values)}."
    if given is None:
        return FieldError("type", "required", "A campaign has a type.", hint=hint)
    return FieldError("type", "unknown_choice", f'There is no type "{shown(given)}".', shown(given), hint=hint)


def distinct_tags(tags: Sequence[str]) -> list[str]:
    """Tags differ by more than case: the first spelling stays."""
    found: dict[str, str] = {}
    for tag in tags:
        found.setdefault(tag.strip().lower(), tag.strip())
    return list(found.values())


def _choice_error(name: str, given: Any, words: Sequence[str]) -> FieldError:
    message = f'There is no "{shown(given)}" here.'
    return FieldError(name, "unknown_choice", message, shown(given), hint=f"One of: {', '.join(words)}.")


def _name_errors(name: str) -> Iterator[FieldError]:
    if len(name) > NAME_LENGTH:
        message = f"A name has at most {NAME_LENGTH} characters; this has {len(name)}."
        yield FieldError("name", "too_long", message, shown(name), NAME_LENGTH, "Shorten it.")
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        yield FieldError("name", "invalid_value", "A name is one line, without control characters.", shown(name))


def _app_errors(type: Any, app_ids: Sequence[str]) -> Iterator[FieldError]:
    count = len(set(app_ids))
    if count > APPS_PER_CAMPAIGN:
        message = f"A campaign has at most {APPS_PER_CAMPAIGN} apps; these are {count}."
        yield FieldError("app_ids", "too_many", message, count, APPS_PER_CAMPAIGN)
    if type in APP_TYPES and not app_ids:
        message = f"A campaign of type {type} names 1 to {APPS_PER_CAMPAIGN} apps: device tokens belong to one."
        yield FieldError("app_ids", "required", message, limit=APPS_PER_CAMPAIGN, hint="See Apps in the admin.")


def _tag_errors(tags: Sequence[str]) -> Iterator[FieldError]:
    count = len(distinct_tags(tags))
    if count > TAGS_PER_CAMPAIGN:
        message = f"A campaign has at most {TAGS_PER_CAMPAIGN} tags; these are {count}."
        yield FieldError("tags", "too_many", message, count, TAGS_PER_CAMPAIGN)
    for place, tag in enumerate(tags):
        yield from tag_errors(tag.strip(), field=f"tags[{place}]")


def tag_errors(tag: str, *, field: str) -> Iterator[FieldError]:
    if not tag:
        yield FieldError(field, "blank", "A tag is not empty.", "")
    elif len(tag) > TAG_LENGTH:
        message = f"A tag has at most {TAG_LENGTH} characters; this has {len(tag)}."
        yield FieldError(field, "too_long", message, shown(tag), TAG_LENGTH, "Shorten it.")
    elif not tag.isprintable():
        yield FieldError(field, "invalid_value", "A tag is one line, without control characters.", tag)
