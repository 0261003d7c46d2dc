from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Cast, Now

from campaigns.models import Campaign
from common.authorship import Authored
from common.bits import BitsField
from common.channels import Type
from common.wall_clock_field import WallClockField
from executions.activation_models import Became as Became
from executions.activation_models import FrozenLaunch
from executions.activation_models import PassedOver as PassedOver
from executions.activation_models import TriggerActivation as TriggerActivation
from executions.activation_models import TriggerUse as TriggerUse
from executions.cap_words import describe
from executions.quiet_hours.models import QuietHours as QuietHours
from executions.quiet_hours.models import QuietPolicy as QuietPolicy
from executions.states import BatchState, Outcome, State
from executions.timing.models import LocalPast as LocalPast
from executions.timing.models import Schedule as Schedule
from executions.timing.models import ScheduleState as ScheduleState
from workspaces.models import Workspace


class Execution(Authored, FrozenLaunch):
    """One launch of a campaign: content, audience, policies frozen as they were at the launch."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="executions")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="executions")
    audience = models.JSONField(help_text="The definition as asked for; inline contacts are in RecipientData.")
    once = models.BooleanField(default=False)
    scheduled_for = models.DateTimeField(
        null=True, help_text="When planning begins. In recipients' local time: when the first of them may be due."
    )
    timezone = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Where the time was given on a wall clock, or recipient.",
    )
    local_time = WallClockField(null=True, help_text="When each is sent to by their own clock. Empty: all at once.")
    local_past = models.CharField(max_length=8, choices=LocalPast.choices, blank=True, default="", db_default="")
    cut_off_at = models.DateTimeField(null=True, help_text="Nobody is sent to from then on.")
    cut_off_local = WallClockField(
        null=True, help_text="The same by each recipient's own clock; a day later for whom next_day moved."
    )
    schedule = models.ForeignKey(Schedule, null=True, on_delete=models.PROTECT, related_name="executions")
    schedule_run = WallClockField(null=True, help_text="Which run of its schedule it is.")
    activation = models.ForeignKey(
        TriggerActivation, null=True, on_delete=models.PROTECT, related_name="executions", db_index=False
    )
    accepts_until = models.DateTimeField(null=True, help_text="Events add recipients until then: it runs on.")
    occurrence = models.SmallIntegerField(
        null=True, help_text="It has whom the trigger was promoted for the n-th time within its hour."
    )
    event = models.JSONField(null=True, help_text="The business event that launched it.")
    event_id = models.BigIntegerField(null=True, help_text="That event's id; empty for a retry.")
    retry_of = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="retries")
    rejected = models.JSONField(default=list, help_text="Recipients named at the launch that can't be used.")
    accepted_count = models.IntegerField(default=0)
    duplicate_count = models.IntegerField(default=0)

    state = models.CharField(max_length=20, choices=State.choices)
    paused_from = models.CharField(max_length=20, blank=True, default="")
    state_reason = models.JSONField(null=True, help_text="Why it waits: code, message, retry_at.")
    paced_until = models.DateTimeField(null=True, help_text="Its rates give it nothing before; lanes rest until then.")
    launched_on = models.DateField(db_default=Cast(Now(), models.DateField()))
    size = models.BigIntegerField(null=True)
    planned_skips = models.JSONField(default=dict, help_text="Skip reason to count, written by the planner.")
    plan_cursor = models.BigIntegerField(default=0, help_text="The last contact id planned.")
    plan_until = models.BigIntegerField(null=True, help_text="The greatest contact id when planning began.")
    plan_horizon = models.BigIntegerField(
        null=True, help_text="The oldest transaction that ran when shared addresses were frozen; empty: they were not."
    )
    plan_probes = models.BooleanField(
        db_default=False, help_text="Shared addresses are found one by one, as the audience is a small part of all."
    )
    frozen_at = models.DateTimeField(null=True, help_text="The now of its segments' rules; see FrozenSegment.")
    planning_began_at = models.DateTimeField(
        null=True, help_text="The now of its recipients' clocks: whose hour is past."
    )
    cut_off_last = models.DateTimeField(
        null=True, help_text="When cut_off_local is past on the last clocks of the world; known when planning begins."
    )
    plan_token = models.UUIDField(null=True)
    plan_lease_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="execution_state_known"),
            models.UniqueConstraint(
                fields=["campaign"],
                condition=Q(once=True, retry_of__isnull=True) & ~Q(state="rejected"),
                name="execution_once_where_asked",
            ),
            models.UniqueConstraint(fields=["retry_of"], name="execution_one_retry"),
            models.CheckConstraint(condition=Q(size__isnull=True) | Q(size__gte=0), name="execution_size_sane"),
            models.UniqueConstraint(fields=["schedule", "schedule_run"], name="execution_once_per_run"),
            models.UniqueConstraint(
                fields=["activation", "accepts_until", "occurrence"], name="execution_once_per_hour"
            ),
            models.UniqueConstraint(fields=["activation", "event_id"], name="execution_once_per_business_event"),
            models.CheckConstraint(
                condition=Q(accepts_until__isnull=True, occurrence__isnull=True)
                | Q(
                    accepts_until__isnull=False, occurrence__isnull=False, activation__isnull=False, size__isnull=False
                ),
                name="execution_standing_whole",
            ),
            models.CheckConstraint(
                condition=Q(local_time__isnull=True, local_past="", cut_off_local__isnull=True)
                | Q(local_time__isnull=False, local_past__in=LocalPast.values),
                name="execution_local_time_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="execution_by_workspace"),
            models.Index(fields=["campaign", "-id"], name="execution_by_campaign"),
            models.Index(
                fields=["state", "scheduled_for"],
                condition=Q(state__in=["scheduled", "planning", "running", "cancelling"]),
                name="execution_live",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_name} #{self.pk}"


class Batch(models.Model):
    """Up to 5,000 recipients that one worker takes at once; the hot half, updated once per chunk.

    Nothing that an update changes is indexed, so that updates stay HOT; the recipients lie in `BatchRecipients`.
    """

    execution = models.ForeignKey(Execution, on_delete=models.PROTECT, related_name="batches", db_index=False)
    workspace_id = models.BigIntegerField()
    state = models.SmallIntegerField(choices=BatchState.choices, default=BatchState.OPEN)
    size = models.IntegerField()
    not_before = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=300, default="ready", help_text="Why it waits: ready, retry, throttled, …")
    attempt = models.SmallIntegerField(default=0)
    crashes = models.SmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    position = models.IntegerField(default=0)
    marked_to = models.IntegerField(default=0)
    journal = models.CharField(max_length=200, default="")
    sent = models.IntegerField(default=0)
    skipped = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    unknown = models.IntegerField(default=0)
    parked = models.IntegerField(default=0)
    reasons = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(position=F("sent") + F("skipped") + F("failed") + F("unknown") + F("parked")),
                name="batch_counts_add_up",
            ),
            models.CheckConstraint(
                condition=Q(position__lte=F("marked_to"), marked_to__lte=F("size")), name="batch_position_in_range"
            ),
        ]
        indexes = [
            models.Index(fields=["execution", "id"], name="batch_by_execution"),
            models.Index(fields=["execution", "id"], condition=~Q(state=BatchState.CLOSED), name="batch_not_closed"),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk} of execution {self.execution_id}"


class BatchRecipients(models.Model):
    """The immutable half of a batch: parallel arrays; address 0 is a contact that has none."""

    batch = models.OneToOneField(Batch, primary_key=True, on_delete=models.CASCADE, related_name="recipients")
    contact_ids = ArrayField(models.BigIntegerField())
    address_ids = ArrayField(models.BigIntegerField())


class BatchCrash(models.Model):
    """A worker died over a batch, or gave it up, and nothing was done: what is known of it.

    `first` and `stop` are the places that were marked; `words` what the worker said last, if it could.
    """

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="worker_crashes")
    workspace_id = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())
    host = models.CharField(max_length=200, blank=True, default="")
    first = models.IntegerField()
    stop = models.IntegerField()
    words = models.CharField(max_length=500, blank=True, default="")


class SilentClaim(models.Model):
    """A claim that was ended because its worker was silent past the lease, and whose journal nobody could read.

    `first` and `stop` are the places that were marked, and are recorded as in doubt. If the worker lives after all,
    it puts what it knows in the doubt's place, once, and takes this row away. If it dies, or can't, whoever can read
    `journal` then does.
    """

    token = models.UUIDField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="silent_claims")
    workspace_id = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())
    first = models.IntegerField()
    stop = models.IntegerField()
    journal = models.CharField(max_length=200, db_default="")


class SharedAddress(models.Model):
    """An address that several contacts have, while an execution is planned: whoever is planned first takes it."""

    pk = models.CompositePrimaryKey("execution_id", "value")
    execution = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    value = models.CharField(max_length=2000)
    taken = models.BooleanField(db_default=False)


class Lane(models.Model):
    """One chain of drain tasks of an execution. Only the message that carries its ticket may take the next turn."""

    pk = models.CompositePrimaryKey("execution_id", "slot")
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="+", db_index=False)
    slot = models.SmallIntegerField()
    ticket = models.BigIntegerField()
    idle = models.BooleanField()
    hinted_at = models.DateTimeField(help_text="When a message for this ticket was last sent, or its turn begun.")


class RecipientData(models.Model):
    """Personalization of one recipient, and membership of an inline audience; of a triggered one, the event."""

    pk = models.CompositePrimaryKey("execution_id", "contact_id")
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="+", db_index=False)
    contact_id = models.BigIntegerField()
    personalization = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    event = models.JSONField(null=True, help_text="Its id, name, at and properties.")


class FrozenSegment(models.Model):
    """Who fitted a segment's rule when the execution was planned: bit i is the contact with id 256 × block + i."""

    pk = models.CompositePrimaryKey("execution_id", "segment_id", "block")
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="+", db_index=False)
    segment_id = models.BigIntegerField()
    block = models.BigIntegerField()
    members = BitsField(length=256)


class Delivery(models.Model):
    """The ledger: one row per recipient and execution, written once. Partitioned by month of launch.

    No foreign key and no second index: they cost COPY 70 % and 46 %.
    """

    pk = models.CompositePrimaryKey("launched_on", "execution_id", "contact_id", "address_id")
    launched_on = models.DateField()
    execution_id = models.BigIntegerField()
    contact_id = models.BigIntegerField()
    address_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    outcome = models.SmallIntegerField(choices=Outcome.choices)
    attempts = models.SmallIntegerField()
    provider_id = models.BigIntegerField(null=True)
    sent_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()
    reason = models.TextField(null=True)
    detail = models.TextField(null=True)
    provider_response = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "executions_delivery"


class Receipt(models.Model):
    """What came back about a delivery later. Partitioned like the ledger, whose key it carries."""

    pk = models.CompositePrimaryKey("launched_on", "id")
    launched_on = models.DateField()
    id = models.BigIntegerField()
    execution_id = models.BigIntegerField()
    contact_id = models.BigIntegerField()
    address_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    kind = models.TextField()
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        managed = False
        db_table = "executions_receipt"


class FrequencyCap(Authored):
    """At most `max` messages to one contact in any `window_seconds`, of a type or any, of a tag or any."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="frequency_caps")
    type = models.CharField(max_length=10, choices=Type.choices, blank=True, default="", help_text="Empty: any type.")
    tag = models.CharField(max_length=25, blank=True, default="", help_text="Empty: any tag.")
    max = models.PositiveIntegerField()
    window_seconds = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "type", "tag", "window_seconds"], name="cap_once"),
            models.CheckConstraint(condition=Q(max__gte=1), name="cap_max_at_least_one"),
            models.CheckConstraint(
                condition=Q(window_seconds__gte=60, window_seconds__lte=30 * 86400), name="cap_window_in_range"
            ),
        ]

    def __str__(self) -> str:
        return describe(maximum=self.max, type=self.type, tag=self.tag, window_seconds=self.window_seconds)


class FrequencyUse(models.Model):
    """The reservations that make caps exact: one row per contact, its entries in parallel arrays.

    Entry i was reserved at `ats[i]` (epoch seconds) by execution `executions[i]`, which was of kind `kinds[i]`.
    """

    pk = models.CompositePrimaryKey("workspace_id", "contact_id")
    workspace_id = models.BigIntegerField()
    contact_id = models.BigIntegerField()
    ats = ArrayField(models.BigIntegerField())
    executions = ArrayField(models.BigIntegerField())
    kinds = ArrayField(models.IntegerField())


class FrequencyKind(models.Model):
    """A type with a set of tags, as a small number: what a cap's rule is matched against."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    type = models.CharField(max_length=10)
    tags = ArrayField(models.CharField(max_length=25))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "type", "tags"], name="frequency_kind_once")]


class Heartbeat(models.Model):
    """When a worker, beat or another part was last seen."""

    component = models.CharField(max_length=20)
    instance = models.CharField(max_length=200)
    capacity = models.SmallIntegerField(default=0, help_text="How many tasks a worker runs at once.")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["component", "instance"], name="heartbeat_once")]
