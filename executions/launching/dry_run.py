"""What a launch would do: the launch itself, classified and rendered as the workers would, and rolled back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from time import monotonic
from typing import Any

from django.db import connection, transaction

from campaigns.models import Campaign, OnCap
from common.authorship import SYSTEM
from executions.delivery.classify import Scope
from executions.delivery.content import Content, compile_content, contact_field
from executions.delivery.freezing import freeze_in_time
from executions.delivery.planning import scope_of
from executions.delivery.reserved_links import reserved_links
from executions.launching.checks import database_time
from executions.launching.dry_run_clocks import ClocksAhead
from executions.launching.dry_run_pages import (
    Candidate,
    Rest,
    Rule,
    capped_contacts,
    contacts_expected,
    count_contacts,
    count_rest,
    read_page,
    rules_of,
)
from executions.launching.dry_run_problems import launch_problems
from executions.launching.dry_run_schedule import Hours, contacts_by_zone, schedule_shown
from executions.launching.duplicates import duplicates_in
from executions.launching.forecast import CUT_OFF, QUIET, Forecast
from executions.launching.in_time import OutOfTime, within
from executions.launching.launch import Launched, freeze
from executions.launching.request import LaunchRequest
from executions.models import Execution
from executions.states import FailReason, SkipReason
from executions.timing.wire import asked_cut_off
from templates_registry.liquid import MissingVariable, TemplateError

BUDGET_SECONDS = 8.0
# Part of the budget after which the rest is counted before anybody more is rendered.
UNCOUNTED_SHARE = 0.2
# Counting has so long however late it is, so that small audiences are counted rightly on a busy machine.
COUNTING_SECONDS = 2.0
LAST_SECONDS = 1.0
PAGE_CONTACTS = 5_000
# The first page is small, each next one larger: what is slow to render is found out in time.
FIRST_PAGE_CONTACTS = 5
PAGE_GROWTH = 10
# That much a page that was read has for its rendering in any case.
PAGE_SECONDS = 1.0
SAMPLES = 3


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
    stop = monotonic() + budget_seconds - freeze_in_time(scope, until=until)
    now = database_time()
    clocks = ClocksAhead.of(execution, now=now)
    hours = Hours(execution, clocks)
    forecast = _Rehearsal(scope, execution, content, rules, until, hours, clocks).forecast(stop=stop)
    people = _people(scope, forecast, until, stop=stop) if execution.local_time else {"": forecast.contacts}
    excluded = _excluded(scope, forecast, until, stop=stop)
    duplicates = report.duplicates + _duplicates(scope, forecast, until, stop=stop)
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
            "excluded": excluded,
            "duplicates": duplicates,
            "rejected_count": len(report.rejected),
            "rejected": report.rejected,
        },
        "would_send": forecast.would_send,
        "waiting": {reason: count for reason, count in forecast.waiting.items() if count},
        "schedule": schedule_shown(launched.moments, execution, hours, people),
        "cut_off": asked_cut_off(execution),
        "skipped": {reason: forecast.skipped[reason] for reason in _SKIPPED if forecast.skipped[reason]},
        "missing_variables": [{"name": name, "count": count} for name, count in forecast.missing.most_common()],
        "frequency_caps": [
            {"rule_id": rule.id, "rule": rule.words, "count": forecast.capped[rule.id]}
            for rule in rules
            if forecast.capped[rule.id]
        ],
        "samples": [_sample(content, candidate) for candidate in forecast.samples],
        "problems": launch_problems(
            campaign,
            execution,
            would_send=forecast.would_send,
            render_errors=forecast.render_errors,
            began=clocks.began,
        ),
    }


_SKIPPED = (*SkipReason.values, FailReason.RENDER_ERROR.value)


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    """What is the same for every page."""

    scope: Scope
    execution: Execution
    content: Content
    rules: Sequence[Rule]
    until: int
    hours: Hours
    clocks: ClocksAhead

    def render(self, forecast: Forecast, *, after: int, stop: float) -> int | None:
        """Pages from `after` until everybody is rendered (None), or it is `stop` (the last contact)."""
        last: int | None = after
        limit = min(FIRST_PAGE_CONTACTS, PAGE_CONTACTS)
        while last is not None and monotonic() < stop:
            page = read_page(self.scope, after=last, until=self.until, limit=limit)
            in_time = [one for one in page.candidates if not self.hours.too_late(one.timezone)]
            rendered = self._rendered(in_time, forecast, stop=max(stop, monotonic() + PAGE_SECONDS))
            if rendered is None:
                break
            forecast.contacts += page.contacts
            forecast.skipped.update(page.ruled_out)
            forecast.skipped[CUT_OFF] += len(page.candidates) - len(in_time)
            fit = [one for one in rendered if not self.clocks.meets(one.timezone).skipped]
            forecast.skipped[QUIET] += len(rendered) - len(fit)
            capped = capped_contacts(self.scope.workspace_id, self.rules, _contacts(fit))
            _count_sendable(forecast, self.execution, fit, capped, self.clocks)
            last, limit = page.last, min(limit * PAGE_GROWTH, PAGE_CONTACTS)
        return last

    def _rendered(self, candidates: Sequence[Candidate], forecast: Forecast, *, stop: float) -> list[Candidate] | None:
        """Those who have a message; the others are counted. None, and nobody is counted, if it was `stop` before."""
        links = reserved_links(self.content)
        counted, found = Forecast(), []
        for one in candidates:
            if monotonic() > stop:
                return None
            if _renders(self.content, one, links, counted):
                found.append(one)
        forecast.skipped.update(counted.skipped)
        forecast.missing.update(counted.missing)
        forecast.render_errors.update(counted.render_errors)
        return found

    def forecast(self, *, stop: float) -> Forecast:
        """Everybody is rendered until it is `stop`. Where that may not be enough, the rest is first counted without
        rendering, or estimated if even that takes too long, so that there is an answer in time."""
        started = monotonic()
        rendered = Forecast()
        last = self.render(rendered, after=0, stop=started + (stop - started) * UNCOUNTED_SHARE)
        if last is None:
            return rendered
        counted = deepcopy(rendered)
        rest = self._rest(rendered, after=last, seconds=_left(stop, COUNTING_SECONDS))
        if self.render(rendered, after=last, stop=stop) is None:
            return rendered
        _estimate(counted, rest, like=rendered, defer=self.execution.on_cap == OnCap.DEFER)
        counted.missing, counted.render_errors = rendered.missing, rendered.render_errors
        counted.samples = rendered.samples
        return counted

    def _rest(self, rendered: Forecast, *, after: int, seconds: float) -> Rest:
        try:
            with within(seconds):
                return count_rest(self.scope, self.rules, after=after, until=self.until)
        except OutOfTime:
            expected = contacts_expected(self.scope, self.scope.audience, after=after, until=self.until)
            return _like(rendered, contacts=expected)


def _left(stop: float, at_least: float) -> float:
    return max(stop - monotonic(), at_least)


def _like(rendered: Forecast, *, contacts: int) -> Rest:
    """So many contacts, as those that were rendered are."""
    share = contacts / rendered.contacts if rendered.contacts else 0.0
    capped = Counter({rule: round(count * share) for rule, count in rendered.capped.items()})
    by_rendering = {
        SkipReason.MISSING_VARIABLE.value,
        SkipReason.FREQUENCY_CAP.value,
        FailReason.RENDER_ERROR.value,
        CUT_OFF,
        QUIET,
    }
    ruled_out = {reason: round(n * share) for reason, n in rendered.skipped.items() if reason not in by_rendering}
    rest = rendered.size - sum(n for reason, n in rendered.skipped.items() if reason not in by_rendering)
    sendable = max(round(rest * share) - sum(capped.values()), 0)
    return Rest(contacts, sendable, Counter(ruled_out), capped)


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
    forecast: Forecast, execution: Execution, fit: Sequence[Candidate], capped: Mapping[int, int], clocks: ClocksAhead
) -> None:
    """Who is over a cap is skipped, or where the campaign defers, sent later."""
    skips = execution.on_cap == OnCap.SKIP
    forecast.waiting.update(clocks.count(one.timezone for one in fit if not skips or one.contact_id not in capped))
    for one in fit:
        rule = capped.get(one.contact_id)
        if rule is not None:
            forecast.capped[rule] += 1
        if rule is not None and skips:
            forecast.skipped[SkipReason.FREQUENCY_CAP.value] += 1
            continue
        forecast.would_send += 1
        if len(forecast.samples) < SAMPLES:
            forecast.samples.append(one)


def _estimate(forecast: Forecast, rest: Rest, *, like: Forecast, defer: bool) -> None:
    """What planning and caps rule out is counted; missing variables, and what is too late, quiet or to be waited for by
    people's own clocks, are taken to be as frequent as they were."""
    capped = sum(rest.by_rule.values())
    late = round(rest.sendable * like.late_share)
    missing = round((rest.sendable - late) * like.missing_share)
    quiet = round((rest.sendable - late - missing) * like.quiet_share)
    forecast.exact = False
    forecast.contacts += rest.contacts
    forecast.skipped.update(rest.ruled_out)
    forecast.skipped[SkipReason.MISSING_VARIABLE.value] += missing
    forecast.skipped[CUT_OFF] += late
    forecast.skipped[QUIET] += quiet
    forecast.capped.update(rest.by_rule)
    if not defer:
        forecast.skipped[SkipReason.FREQUENCY_CAP.value] += capped
    forecast.would_send += rest.sendable - missing - late - quiet + (capped if defer else 0)
    if like.would_send:
        share = forecast.would_send / like.would_send
        forecast.waiting = Counter({reason: round(count * share) for reason, count in like.waiting.items()})


def _people(scope: Scope, forecast: Forecast, until: int, *, stop: float) -> Mapping[str, int]:
    """Contacts by their zone; nothing where that takes too long."""
    try:
        with within(_left(stop, LAST_SECONDS)):
            return contacts_by_zone(scope, until=until)
    except OutOfTime:
        forecast.exact = False
        return {}


def _excluded(scope: Scope, forecast: Forecast, until: int, *, stop: float) -> int:
    """Contacts that the sources have and the exclusions take out."""
    if not scope.audience.get("exclude"):
        return 0
    everybody = {**scope.audience, "exclude": []}
    try:
        with within(_left(stop, LAST_SECONDS)):
            return count_contacts(scope, everybody, until=until) - forecast.contacts
    except OutOfTime:
        forecast.exact = False
        return max(contacts_expected(scope, everybody, until=until) - forecast.contacts, 0)


def _duplicates(scope: Scope, forecast: Forecast, until: int, *, stop: float) -> int:
    found, exact = duplicates_in(scope, contacts=forecast.contacts, until=until, seconds=_left(stop, LAST_SECONDS))
    forecast.exact &= exact
    return found


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
        # Of this transaction only: a million contacts joined without spilling to disk.
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.execute("SELECT coalesce(max(id), 0) FROM audiences_contact WHERE workspace_id = %s", [workspace_id])
        return int(cursor.fetchone()[0])
