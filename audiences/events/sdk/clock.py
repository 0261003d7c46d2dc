"""When an SDK's event happened, by our clock. Pure.

Source of the rule: Segment's spec, "timestamp = receivedAt - (sentAt - originalTimestamp)".
"""

from datetime import UTC, datetime, timedelta

from audiences.events.content import AHEAD


def corrected(timestamp: object, *, sent_at: object, now: datetime, kept: timedelta) -> datetime:
    """A device whose clock is wrong is as wrong when it sends. A time that can't be is the time of receipt."""
    happened, sent = parse(timestamp), parse(sent_at)
    if happened is None:
        return now
    try:
        at = now - (sent - happened) if sent is not None else happened
    except OverflowError:
        return now
    return at if now - kept <= at <= now + AHEAD else now


def parse(value: object) -> datetime | None:
    """None for what is no time. One without an offset is taken for UTC."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
