"""Why an address is suppressed, where there are several reasons. Pure.

The strongest stands for the suppression: `erased`, then `complaint`, then any other word in the order of coming, then
`unsubscribed`, the only one that the person can take back. The others are kept beside it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from audiences.suppression_rows import COMPLAINT, UNSUBSCRIBED

MOST_REASONS = 10
_STRENGTH = {"erased": 3, COMPLAINT: 2, UNSUBSCRIBED: 0}
_ANY_OTHER = 1


class Reason(NamedTuple):
    """`created_at` None: now."""

    reason: str
    source: str
    created_at: datetime | None


def with_reason(known: Sequence[Reason], said: Reason) -> list[Reason]:
    """Strongest first. One that is known stays as it is, but of unsubscribing the last time counts."""
    others = [one for one in known if one.reason != said.reason]
    same = next((one for one in known if one.reason == said.reason), None)
    if same is None:
        found = [*known, said]
    elif said.reason == UNSUBSCRIBED and _is_later(said, same):
        found = [*others, said]
    else:
        found = list(known)
    found.sort(key=_strength, reverse=True)
    if len(found) > MOST_REASONS:
        # Words that callers made up: the latest one goes.
        found.remove([one for one in found if _strength(one) == _ANY_OTHER][-1])
    return found


def _is_later(said: Reason, known: Reason) -> bool:
    """One without a time is the same unsubscribing, told again."""
    return said.created_at is not None and known.created_at is not None and said.created_at > known.created_at


def _strength(reason: Reason) -> int:
    return _STRENGTH.get(reason.reason, _ANY_OTHER)
