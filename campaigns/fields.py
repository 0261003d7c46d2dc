"""What a campaign is made of, as callers of the services name it: the words of the wire."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class CampaignFields(TypedDict, total=False):
    """Every field that a caller may set; those left out keep their default, or what they were."""

    type: str
    name: str | None
    app_ids: Sequence[str]
    template_id: int | None
    tags: Sequence[str]
    purpose: str
    sender_id: int | None
    personalization: Mapping[str, Any]
    once: bool
    on_cap: str
    on_unknown: str
    trigger: Any


DEFAULTS: CampaignFields = {
    "name": "",
    "app_ids": (),
    "template_id": None,
    "tags": (),
    "purpose": "marketing",
    "sender_id": None,
    "personalization": {},
    "once": False,
    "on_cap": "skip",
    "on_unknown": "hold",
    "trigger": None,
}
