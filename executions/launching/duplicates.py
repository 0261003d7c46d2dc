"""How often the sources of an audience name somebody whom they have named already; each gets one message."""

from collections.abc import Mapping
from typing import Any

from audiences.models import Upload
from executions.delivery.classify import Scope
from executions.launching.dry_run_pages import contacts_expected, count_contacts
from executions.launching.in_time import OutOfTime, within


def duplicates_in(scope: Scope, *, contacts: int, until: int, seconds: float) -> tuple[int, bool]:
    """Rows of uploads about one person, and people in several sources; and whether they are counted or estimated.

    `contacts` is how many people there are, each once.
    """
    sources = [{**one, "exclude": scope.audience.get("exclude", [])} for one in scope.audience.get("sources", ())]
    in_files = _in_files(scope.audience)
    if len(sources) < 2:
        return in_files, True
    try:
        with within(seconds):
            named = sum(count_contacts(scope, source, until=until) for source in sources)
    except OutOfTime:
        named = sum(contacts_expected(scope, source, until=until) for source in sources)
        return in_files + max(named - contacts, 0), False
    return in_files + max(named - contacts, 0), True


def _in_files(audience: Mapping[str, Any]) -> int:
    named = [one["id"] for one in (audience, *audience.get("sources", ())) if one.get("type") == "upload"]
    return sum(Upload.objects.filter(pk__in=named).values_list("duplicates", flat=True)) if named else 0
