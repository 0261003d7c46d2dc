"""Many rows in one call do what the same rows do one call after another."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.models import Address, Contact
from audiences.upsert import upsert_contacts
from tests.factories import make_app, make_workspace
from workspaces.models import Workspace

BEGIN = datetime.now(UTC)
emails = st.sampled_from(["a@example.test", "B@example.test", "b@example.test"])
consents = st.sampled_from(
    [
        {},
        {"consent": "unsubscribed"},
        {"consent": "subscribed"},
        {"consent": "unsubscribed", "consent_at": "2026-02-01T00:00:00Z"},
        {"consent": "unsubscribed", "consent_source": "desk", "consent_at": "2026-04-01T00:00:00Z"},
        {"consent": "subscribed", "consent_source": "form", "consent_at": "2026-03-01T00:00:00Z"},
        {"consent": "subscribed", "consent_source": "shop", "consent_at": "2026-05-01T00:00:00Z"},
    ]
)
addresses = st.one_of(
    st.builds(lambda value, consent: {"type": "email", "value": value, **consent}, emails, consents),
    st.builds(
        lambda kind, value, consent: {"type": kind, "app_id": "shop", "value": value, **consent},
        st.sampled_from(["push", "webpush"]),
        st.sampled_from(["t1", "t2"]),
        consents,
    ),
)
rows = st.fixed_dictionaries(
    {},
    optional={
        "external_id": st.sampled_from(["1", "2", "3"]),
        "email": emails,
        "locale": st.sampled_from(["de", "pt-BR", None]),
        "attributes": st.dictionaries(
            st.sampled_from("abc"), st.sampled_from([None, 1, True, "x", 1.0, {"y": [1]}]), max_size=2
        ),
        "addresses": st.lists(addresses, max_size=2),
    },
)


def everything(workspace: Workspace) -> Any:
    """People by their order of making, in all that tells one from another."""
    people = list(Contact.objects.filter(workspace=workspace).order_by("pk"))
    places = {one.pk: place for place, one in enumerate(people)}
    described = [(one.external_id, repr(sorted(one.attributes.items())), one.locale) for one in people]
    held = Address.objects.filter(workspace=workspace).values_list(
        "contact_id", "type", "value", "consent", "consent_source", "consent_at"
    )
    return described, sorted((places[pk], *map(str, rest), said_at(at)) for pk, *rest, at in held)


def said_at(at: datetime | None) -> str:
    """Of a refusal that does not tell, the receipt: one call has one, many have many."""
    return "received" if at is not None and at >= BEGIN else str(at)


def apply(calls: list[list[Any]]) -> Any:
    """What is there afterwards, and how the rows were counted, in a world of its own."""
    with transaction.atomic():
        workspace = make_workspace(sandbox=False)
        make_app(workspace, "shop")
        counts = [0, 0, 0, 0]
        for call in calls:
            report = upsert_contacts(workspace_id=workspace.pk, rows=call)
            for place, count in enumerate((report.created, report.updated, report.unchanged, len(report.rejected))):
                counts[place] += count
        found = everything(workspace)
        transaction.set_rollback(True)
    return found, counts


@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(given_rows=st.lists(rows, max_size=8), cut=st.integers(0, 8))
def test_one_call_is_as_good_as_many(given_rows: list[Any], cut: int) -> None:
    one_by_one = apply([[row] for row in given_rows])
    assert apply([given_rows]) == one_by_one
    assert apply([given_rows[:cut], given_rows[cut:]]) == one_by_one
