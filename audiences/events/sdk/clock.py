"""When an SDK's event happened, by our clock. Pure.

Source of the rule: Segment's spec, "timestamp = receivedAt - (sentAt - originalTimestamp)".
"""

from datetime import UTC, datetime, timedelta

from audiences.bad_value import BadValue, shown
from audiences.events.content import AHEAD, refuse_time


def corrected(
    timestamp: object, *, sent_at: object, now: datetime, kept: timedelta
) -> tuple[datetime, BadValue | None]:
    """A device whose clock is wrong is as wrong when it sends. A time that can't be is the time of receipt, and why.

    Raises BadValue for one older than events are kept: what is told of long ago, taken for news, would be sent upon.
    """
    if timestamp is None or timestamp == "":
        return now, None
    happened, sent = parse(timestamp), parse(sent_at)
    if happened is None:
        return now, _instead("invalid_time", f"{shown(timestamp)} is no time of ISO 8601")
    try:
        at = now - (sent - happened) if sent is not None else happened
    except OverflowError:
        return now, _instead("invalid_time", f"{shown(timestamp)} is no time that can be, sent at {shown(sent_at)}")
    if at > now + AHEAD:
        return now, _instead("in_the_future", f"{shown(at.isoformat())} is in the future")
    refuse_time(at, now=now, kept=kept, field="timestamp")
    return at, None


def _instead(code: str, what: str) -> BadValue:
    return BadValue(code, f"{what}; the time of receipt is kept instead.", field="timestamp")


def parse(value: object) -> datetime | None:
    """None for what is no time. One without an offset is taken for UTC."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
