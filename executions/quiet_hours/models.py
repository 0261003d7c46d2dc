from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from common.authorship import Authored
from common.channels import Type
from executions.quiet_hours.hours import Hours
from executions.quiet_hours.words import describe
from workspaces.models import Workspace


class QuietPolicy(models.TextChoices):
    HOLD = "hold", "Hold: they wait until the quiet hours are over"
    SKIP = "skip", "Skip: they are left out"


class QuietHours(Authored):
    """When marketing of a type, or any, rests by each recipient's own clock: from `starts` up to `ends`, in minutes
    after midnight, past midnight where `ends` is the smaller; beginning on `days` (Monday is 1)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="quiet_hours")
    type = models.CharField(max_length=10, choices=Type.choices, blank=True, default="", help_text="Empty: any type.")
    starts = models.SmallIntegerField()
    ends = models.SmallIntegerField()
    days = ArrayField(models.SmallIntegerField())
    policy = models.CharField(max_length=4, choices=QuietPolicy.choices, default=QuietPolicy.HOLD)

    class Meta:
        verbose_name = verbose_name_plural = "quiet hours"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "type", "starts", "ends", "days"], name="quiet_hours_once"),
            models.CheckConstraint(
                condition=Q(starts__gte=0, starts__lt=1440, ends__gte=0, ends__lt=1440) & ~Q(starts=F("ends")),
                name="quiet_hours_of_a_day",
            ),
            models.CheckConstraint(condition=Q(days__len__gte=1), name="quiet_hours_have_days"),
            models.CheckConstraint(condition=Q(policy__in=QuietPolicy.values), name="quiet_hours_policy_known"),
        ]

    def __str__(self) -> str:
        return describe(type=self.type, starts=self.starts, ends=self.ends, days=self.days, policy=self.policy)

    @property
    def hours(self) -> Hours:
        return Hours(self.starts, self.ends, frozenset(self.days), self.policy == QuietPolicy.HOLD)
