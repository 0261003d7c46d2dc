"""What becomes of a recipient that is about to be marked: a message, or why there is none now."""

from datetime import datetime

from executions.delivery.clocks import Clocks, Said
from executions.delivery.fates import Fate, parked, render_error, skipped
from executions.delivery.prepared import Prepared
from executions.delivery.roster import Recipient
from executions.states import SkipReason
from providers.contract import Message
from templates_registry.liquid import MissingVariable, TemplateError


def message_or_fate(
    prepared: Prepared, place: int, recipient: Recipient, at: datetime, *, attempts: int
) -> Message | Fate:
    if recipient.reason is not None:
        return skipped(SkipReason(recipient.reason), _detail(prepared, recipient.reason), attempts=attempts)
    try:
        return prepared.compose(place, recipient, at)
    except MissingVariable as missing:
        return skipped(SkipReason.MISSING_VARIABLE, missing.name, attempts=attempts)
    except (TemplateError, ValueError) as error:
        return render_error(str(error), attempts=attempts)


def _detail(prepared: Prepared, reason: str) -> str | None:
    """A chunk's recipients are cancelled by an event of theirs only."""
    return prepared.cancelling.event if prepared.cancelling and reason == SkipReason.CANCELLED else None


def by_clock(
    prepared: Prepared, place: int, recipient: Recipient, now: datetime, clocks: Clocks, said: Said, *, attempts: int
) -> Message | Fate:
    """What the recipient's own clock says comes before the caps. Nobody's message is rendered to be too late."""
    if recipient.reason is None and said.ends is not None and said.ends <= now:
        return skipped(SkipReason.CUT_OFF, attempts=attempts)
    made = message_or_fate(prepared, place, recipient, now.replace(microsecond=0), attempts=attempts)
    if said.quiet is None or not isinstance(made, Message):
        return made
    if said.quiet.until is None:
        return skipped(SkipReason.QUIET_HOURS, clocks.terms.rules[said.quiet.place], attempts=attempts)
    wait = (said.quiet.until - now).total_seconds()
    return parked(SkipReason.QUIET_HOURS.value, max(wait, 1.0), attempts=attempts)
