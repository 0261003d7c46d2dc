"""An audience as staff read it."""

import pytest
from pytest_django import DjangoAssertNumQueries

from audiences.models import List
from executions.admin_pages.audience_words import audience_words
from tests.factories import make_list
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def _lists(workspace: Workspace, number: int) -> list[dict[str, object]]:
    made = [make_list(workspace, []) for _ in range(number)]
    for place, found in enumerate(made):
        List.objects.filter(pk=found.pk).update(name=f"List {place}")
    return [{"type": "list", "id": found.pk} for found in made]


def test_sources_are_told_by_name_and_those_that_are_gone_by_id(workspace: Workspace) -> None:
    first, second = _lists(workspace, 2)
    audience = {"type": "any_of", "sources": [first, {"type": "segment", "id": 987_654}], "exclude": [second]}
    assert audience_words(workspace_id=workspace.pk, audience=audience) == "List 0 or segment 987654, without List 1"


def test_of_very_many_sources_some_are_told_and_the_rest_counted(
    workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    sources = _lists(workspace, 22)
    with django_assert_num_queries(1):
        words = audience_words(workspace_id=workspace.pk, audience={"type": "any_of", "sources": sources})
    assert words.endswith("List 18 or List 19 or 2 more")
