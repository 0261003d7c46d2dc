"""What a person should know before launching: warnings of the template, and what the dry run came upon."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from campaigns.models import Campaign
from executions.models import Execution
from templates_registry.models import TemplateVersion
from templates_registry.review import review

Problem = dict[str, str]


def launch_problems(
    campaign: Campaign, execution: Execution, *, would_send: int, render_errors: Mapping[str, int], began: datetime
) -> list[Problem]:
    """The wire shape: level (`error` where a message can't be made), code, message. `began`: when it would begin."""
    found = [
        _problem("error", "render_error", f"{count} can't be rendered: {message}")
        for message, count in render_errors.items()
    ]
    if campaign.once and Execution.objects.filter(campaign=campaign).exclude(pk=execution.pk).exists():
        found.append(_problem("error", "already_executed", "The campaign may be executed once, and it was."))
    if not would_send:
        found.append(_problem("warn", "nobody", "Nobody would be sent to."))
    if (left_over := _left_over(execution, would_send, began)) > 0:
        words = f"At {execution.rate_per_minute:,} a minute the cut-off comes before about {left_over:,} of them."
        found.append(_problem("warn", "rate_too_low", words))
    if execution.provider.unavailable_reason:
        words = f"{execution.provider.name}: {execution.provider.unavailable_reason}"
        found.append(_problem("warn", "provider_unavailable", words))
    version = execution.template_version
    return [*found, *(_problem(*one) for one in _of_template(version.pk, execution.type, execution.purpose))]


def _left_over(execution: Execution, would_send: int, began: datetime) -> int:
    """Whom the rate does not reach before a cut-off that is one instant for all."""
    if execution.rate_per_minute is None or execution.cut_off_at is None:
        return 0
    minutes = (execution.cut_off_at - began) / timedelta(minutes=1)
    return would_send - int(execution.rate_per_minute * max(minutes, 0.0))


@lru_cache(maxsize=128)
def _of_template(version_id: int, type: str, purpose: str) -> tuple[tuple[str, str, str], ...]:
    """Versions never change, so what is said of one is kept."""
    version = TemplateVersion.objects.select_related("template").get(pk=version_id)
    fields: dict[str, Any] = {**version.defaults, **version.template.sample}
    seen = review(type=type, purpose=purpose, content=version.content, fields=fields)
    return tuple((problem.level, problem.code, problem.message) for problem in seen.problems)


def _problem(level: str, code: str, message: str) -> Problem:
    return {"level": level, "code": code, "message": message}
