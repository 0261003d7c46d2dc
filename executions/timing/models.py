from django.db import models
from django.db.models import Q

from campaigns.models import Campaign
from common.authorship import Authored
from common.wall_clock_field import WallClockField
from workspaces.models import Workspace


class LocalPast(models.TextChoices):
    """What becomes of those in whose zone the time was past before the execution could reach them."""

    SEND_NOW = "send_now", "Send to them at once"
    SKIP = "skip", "Leave them out"
    NEXT_DAY = "next_day", "Send to them at that time of the next day"


class ScheduleState(models.TextChoices):
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    ENDED = "ended", "Ended"
    CANCELLED = "cancelled", "Cancelled"


class Schedule(Authored):
    """A launch that recurs: what was asked for, frozen, and the rule by which each run makes a new execution.

    `timezone` is a zone's name, or `recipient`. `next_run` is what the wall clock there shows at the next run, and
    `next_run_at` the instant at which the sweep makes its execution; both are moved by compare-and-set.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="schedules")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="schedules")
    request = models.JSONField(help_text="What each run asks for: audience, personalization, capping, rate, cut-off.")
    rrule = models.CharField(max_length=500, help_text="RFC 5545, section 3.3.10.")
    starts = WallClockField(help_text="The first run, which the rule counts from.")
    timezone = models.CharField(max_length=64)
    when_past = models.CharField(max_length=8, choices=LocalPast.choices, blank=True, default="")
    ends = WallClockField(null=True, help_text="No run after it: from the rule's UNTIL or COUNT. Empty: never.")
    exceptions = models.JSONField(default=list, help_text="Days, or days and times, that have no run.")
    state = models.CharField(max_length=9, choices=ScheduleState.choices, default=ScheduleState.ACTIVE)
    state_reason = models.JSONField(null=True, help_text="What kept the last run from being made: code, message, at.")
    next_run = WallClockField(null=True)
    next_run_at = models.DateTimeField(null=True)
    runs = models.IntegerField(default=0, help_text="Executions made.")
    missed = models.IntegerField(default=0, help_text="Runs that were due while nothing could make them.")
    failures = models.SmallIntegerField(default=0, help_text="Runs refused since the last that was made.")
    last_run_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ScheduleState.values), name="schedule_state_known"),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(next_run_at__isnull=False), name="schedule_active_has_next"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="schedule_by_workspace"),
            models.Index(fields=["next_run_at"], condition=Q(state="active"), name="schedule_due"),
        ]

    def __str__(self) -> str:
        return f"schedule {self.pk} of campaign {self.campaign_id}"
