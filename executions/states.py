"""The closed vocabularies of an execution: its states, and what can become of a recipient."""

from django.db import models


class State(models.TextChoices):
    AWAITING_APPROVAL = "awaiting_approval", "Awaiting approval"
    SCHEDULED = "scheduled", "Scheduled"
    PLANNING = "planning", "Planning"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    CANCELLING = "cancelling", "Cancelling"
    FINISHED = "finished", "Finished"
    CANCELLED = "cancelled", "Cancelled"
    REJECTED = "rejected", "Rejected"
    FAILED = "failed", "Failed"

    @property
    def on_wire(self) -> str:
        """`cancelling` is ours: to a client a cancelled execution is cancelled, and counts what is pending."""
        return State.CANCELLED.value if self is State.CANCELLING else self.value


ENDED = frozenset({State.FINISHED, State.CANCELLED, State.REJECTED, State.FAILED})


class Outcome(models.IntegerChoices):
    SENT = 1, "sent"
    SKIPPED = 2, "skipped"
    FAILED = 3, "failed"
    UNKNOWN = 4, "unknown"


class SkipReason(models.TextChoices):
    """In the order of precedence: the first that applies is the one recorded."""

    DELETED = "deleted", "The contact or address was deleted"
    UNREACHABLE = "unreachable", "The contact has no address of this type"
    INVALID_ADDRESS = "invalid_address", "The address is invalid or dead"
    SUPPRESSED = "suppressed", "The address is suppressed"
    UNSUBSCRIBED = "unsubscribed", "The address is unsubscribed"
    DUPLICATE_ADDRESS = "duplicate_address", "Another contact of the audience has the same address"
    CONTROL_GROUP = "control_group", "Held back as control group"
    MISSING_VARIABLE = "missing_variable", "The template lacks a value"
    CUT_OFF = "cut_off", "Too late to send"
    QUIET_HOURS = "quiet_hours", "In quiet hours"
    FREQUENCY_CAP = "frequency_cap", "Over a frequency cap"
    CANCELLED = "cancelled", "The execution was cancelled, or an event cancelled the message"


class FailReason(models.TextChoices):
    REJECTED = "rejected", "The provider refused it for good"
    INVALID_TOKEN = "invalid_token", "The provider no longer knows the token"
    RETRIES_EXHAUSTED = "retries_exhausted", "The provider kept refusing for now"
    RENDER_ERROR = "render_error", "The template could not be rendered for this recipient"
    SETTLED = "settled", "It was unknown, and was settled as failed"
    WORKER_CRASHED = "worker_crashed", "Its batch crashed the worker three times, and was given up"


class BatchState(models.IntegerChoices):
    OPEN = 1, "Open"
    CLOSED = 2, "Closed"
    QUARANTINED = 3, "Quarantined: it crashed its worker three times"
