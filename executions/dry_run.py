"""What a launch would do: the launch itself, classified and rendered as the workers would, and rolled back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from django.db import connection, transaction

from campaigns.models import Campaign, OnCap
from common.authorship import SYSTEM
from executions.classify import Scope
from executions.content import Content, compile_content, contact_field
from executions.dry_run_pages import Candidate, Rule, capped_contacts, count_contacts, count_rest, read_page, rules_of
from executions.dry_run_problems import launch_problems
from executions.launch import Launched, freeze
from executions.launch_checks import database_time
from executions.launch_request import LaunchRequest
from executions.models import Execution
from executions.planning import scope_of
from executions.reserved_links import reserved_links
from executions.states import FailReason, SkipReason
from templates_registry.liquid import MissingVariable, TemplateError

BUDGET_SECONDS = 8.0
# Part of the budget after which nobody more is rendered, so that the rest can still be counted.
RENDERING_SHARE = 0.5
PAGE_CONTACTS = 5_000
SAMPLES = 3


@dataclass(slots=True)
class Forecast:
    """Counts of recipients. `exact` is False when not everybody was rendered."""

    contacts: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    would_send: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    capped: Counter[int] = field(default_factory=Counter)
    render_errors: Counter[str] = field(default_factory=Counter)
    samples: list[Candidate] = field(default_factory=list)
    exact: bool = True

    @property
    def size(self) -> int:
        return self.would_send + sum(self.skipped.values())


def dry_run(*, campaign: Campaign, request: LaunchRequest, budget_seconds: float = BUDGET_SECONDS) -> dict[str, Any]:
    """The wire shape. Refuses what `launch` refuses, except that it may be asked of a campaign that was executed."""
    with transaction.atomic():
        launched = freeze(campaign=campaign, request=request, actor=SYSTEM, once=False)
        try:
            return _report(campaign, launched, budget_seconds)
        finally:
            transaction.set_rollback(True)


def _report(campaign: Campaign, launched: Launched, budget_seconds: float) -> dict[str, Any]:
    execution, report = launched.execution, launched.report
    scope, rules = scope_of(execution), rules_of(execution)
    content = compile_content(execution)
    until = _greatest_contact(execution.workspace_id)
    forecast = _forecast(scope, execution, content, rules, until=until, budget_seconds=budget_seconds)
    version = execution.template_version
    return {
        "status": "success",
        "dry_run": True,
        "campaign_id": campaign.pk,
        "template_id": version.template_id,
        "template_version": version.number,
        "exact": forecast.exact,
        "computed_at": database_time(),
        "audience": {
            "contacts": forecast.contacts,
            "size": forecast.size,
            "excluded": _excluded(scope, forecast, until),
            "duplicates": report.duplicates,
            "rejected_count": len(report.rejected),
            "rejected": report.rejected,
        },
        "would_send": forecast.would_send,
        "skipped": {reason: forecast.skipped[reason] for reason in _SKIPPED if forecast.skipped[reason]},
        "missing_variables": [{"name": name, "count": count} for name, count in forecast.missing.most_common()],
        "frequency_caps": [
            {"rule_id": rule.id, "rule": rule.words, "count": forecast.capped[rule.id]}
            for rule in rules
            if forecast.capped[rule.id]
        ],
        "samples": [_sample(content, candidate) for candidate in forecast.samples],
        "problems": launch_problems(
            campaign, execution, would_send=forecast.would_send, render_errors=forecast.render_errors
        ),
    }


_SKIPPED = (*SkipReason.values, FailReason.RENDER_ERROR.value)


def _forecast(
    scope: Scope, execution: Execution, content: Content, rules: Sequence[Rule], *, until: int, budget_seconds: float
) -> Forecast:
    """Everybody is rendered while the budget lasts; whoever is left is counted, their missing variables estimated."""
    forecast, links = Forecast(), reserved_links(content)
    stop_rendering = monotonic() + budget_seconds * RENDERING_SHARE
    after: int | None = 0
    while after is not None and monotonic() < stop_rendering:
        page = read_page(scope, after=after, until=until, limit=PAGE_CONTACTS)
        forecast.contacts += page.contacts
        forecast.skipped.update(page.ruled_out)
        fit = [one for one in page.candidates if _renders(content, one, links, forecast)]
        _count_sendable(forecast, execution, fit, capped_contacts(execution.workspace_id, rules, _contacts(fit)))
        after = page.last
    if after is not None:
        _estimate_rest(forecast, scope, execution, rules, after=after, until=until)
    return forecast


def _contacts(candidates: Sequence[Candidate]) -> set[int]:
    return {one.contact_id for one in candidates}


def _renders(content: Content, one: Candidate, links: Mapping[str, str], forecast: Forecast) -> bool:
    """Rendered for real: what a template needs can depend on what it is given."""
    try:
        content.render(one.attributes, one.personalization, _reserved(content, one, links))
    except MissingVariable as missing:
        forecast.missing[missing.name] += 1
        forecast.skipped[SkipReason.MISSING_VARIABLE.value] += 1
    except (TemplateError, ValueError) as error:
        forecast.render_errors[str(error)] += 1
        forecast.skipped[FailReason.RENDER_ERROR.value] += 1
    else:
        return True
    return False


def _count_sendable(
    forecast: Forecast, execution: Execution, fit: Sequence[Candidate], capped: Mapping[int, int]
) -> None:
    """Who is over a cap is skipped, or where the campaign defers, sent later."""
    for one in fit:
        rule = capped.get(one.contact_id)
        if rule is not None:
            forecast.capped[rule] += 1
        if rule is not None and execution.on_cap == OnCap.SKIP:
            forecast.skipped[SkipReason.FREQUENCY_CAP.value] += 1
            continue
        forecast.would_send += 1
        if len(forecast.samples) < SAMPLES:
            forecast.samples.append(one)


def _estimate_rest(
    forecast: Forecast, scope: Scope, execution: Execution, rules: Sequence[Rule], *, after: int, until: int
) -> None:
    """What planning and caps rule out is counted; what rendering would is taken to be as frequent as it was."""
    forecast.exact = False
    rendered = forecast.would_send + forecast.skipped[SkipReason.FREQUENCY_CAP.value] + sum(forecast.missing.values())
    contacts, by_reason, by_rule = count_rest(scope, rules, after=after, until=until)
    sendable, capped = by_reason.pop("", 0), sum(by_rule.values())
    share = sum(forecast.missing.values()) / rendered if rendered else 0.0
    missing = round(sendable * share)
    forecast.contacts += contacts
    forecast.skipped.update(by_reason)
    forecast.skipped[SkipReason.MISSING_VARIABLE.value] += missing
    forecast.capped.update(by_rule)
    deferred = capped if execution.on_cap == OnCap.DEFER else 0
    forecast.skipped[SkipReason.FREQUENCY_CAP.value] += capped - deferred
    forecast.would_send += sendable - missing + deferred


def _excluded(scope: Scope, forecast: Forecast, until: int) -> int:
    """Contacts that the sources have and the exclusions take out."""
    if not scope.audience.get("exclude"):
        return 0
    return count_contacts(scope, {**scope.audience, "exclude": []}, until=until) - forecast.contacts


def _sample(content: Content, one: Candidate) -> dict[str, Any]:
    links = reserved_links(content, contact_id=one.contact_id, address_id=one.address_id)
    rendered = content.render(one.attributes, one.personalization, _reserved(content, one, links))
    return {"external_id": one.external_id, "address": one.address, "content": rendered}


def _reserved(content: Content, one: Candidate, links: Mapping[str, str]) -> Mapping[str, Any]:
    """As the message would have it; its links belong to no execution, so nothing happens through them."""
    if "contact" not in content.fields:
        return links
    contact = contact_field(
        external_id=one.external_id, locale=one.locale, timezone=one.timezone, attributes=one.attributes
    )
    return {**links, "contact": contact}


def _greatest_contact(workspace_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM audiences_contact WHERE workspace_id = %s", [workspace_id])
        return int(cursor.fetchone()[0])
