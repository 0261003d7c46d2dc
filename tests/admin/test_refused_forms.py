"""Forms that are sent with what no browser would send."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.factories import make_campaign
from workspaces.models import Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("field", ["template", "sender", "apps"])
@pytest.mark.parametrize("sent", ["x", "\u00b2", "1e400", "\0", "9" * 30])
def test_a_choice_that_is_no_id_is_refused_and_the_form_is_shown_again(
    staff: Callable[[Role], Client], field: str, sent: str
) -> None:
    form = {"name": "Mine", "type": "email", "purpose": "marketing", "on_cap": "skip", "on_unknown": "hold"}
    answer = staff(Role.ADMIN).post("/admin/campaigns/campaign/add/", {**form, field: sent})
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors


def test_a_person_that_is_no_id_is_refused_and_the_form_is_shown_again(staff: Callable[[Role], Client]) -> None:
    answer = staff(Role.ADMIN).post("/admin/workspaces/membership/add/", {"user": "x", "role": "viewer"})
    assert answer.status_code == 200
    assert "user" in answer.context["adminform"].form.errors


def test_a_launch_token_with_a_nul_is_a_refused_form_like_any_other(
    staff: Callable[[Role], Client], workspace: Workspace
) -> None:
    path = f"/admin/campaigns/campaign/{make_campaign(workspace).pk}/launch/"
    assert staff(Role.ADMIN).post(path, {"launch_token": "\0a", "audience": "x"}).status_code == 422
