import json
from typing import Any

import pytest
from django.test import Client

from templates_registry.models import Template
from tests.factories import CONTENT, make_contact, make_draft_template, make_member, make_template
from workspaces.models import Workspace
from workspaces.roles import Role

EMAIL = CONTENT["email"]


@pytest.fixture
def editor(client: Client, workspace: Workspace) -> Client:
    client.force_login(make_member(workspace, Role.EDITOR))
    return client


def address(template: Template, *, page: str = "change") -> str:
    return f"/admin/templates_registry/template/{template.pk}/{page}/"


def typed(template: Template, **fields: Any) -> dict[str, Any]:
    parts = {f"part-{name}": source for name, source in template.content.items()}
    return {
        "action": "save",
        "revision": template.revision,
        "name": template.name,
        "purpose": template.purpose,
        "defaults": "{}",
        "sample": "{}",
        **parts,
        **fields,
    }


def preview(client: Client, template: Template, **fields: Any) -> Any:
    body = {"content": template.content, "purpose": "marketing", "defaults": {}, "sample": {}, "contact": "", **fields}
    return client.post(address(template, page="preview"), json.dumps(body), content_type="application/json")


def test_a_new_template_opens_in_the_editor_with_something_to_start_from(editor: Client, workspace: Workspace) -> None:
    answer = editor.post(
        "/admin/templates_registry/template/add/", {"name": "Spring", "type": "email", "purpose": "marketing"}
    )
    template = Template.objects.get(workspace=workspace)
    assert answer.headers["Location"] == address(template)
    assert "unsubscribe_url" in template.content["html"]


def test_saving_keeps_the_draft_and_publishes_nothing(editor: Client, workspace: Workspace) -> None:
    template = make_draft_template(workspace)
    fields = {"part-subject": "Changed", "defaults": '{"first_name": "you"}', "sample": '{"first_name": "Ana"}'}
    answer = editor.post(address(template), typed(template, **fields))
    assert answer.status_code == 302
    template.refresh_from_db()
    assert template.content["subject"] == "Changed"
    assert template.defaults == {"first_name": "you"}
    assert template.sample == {"first_name": "Ana"}
    assert template.published is None


def test_publishing_saves_what_is_typed_and_makes_a_version(editor: Client, workspace: Workspace) -> None:
    template = make_draft_template(workspace)
    editor.post(address(template), typed(template, action="publish", **{"part-subject": "Line one"}))
    template.refresh_from_db()
    assert template.published is not None
    assert template.published.content["subject"] == "Line one"


def test_a_syntax_error_is_shown_at_its_line_and_nothing_typed_is_lost(editor: Client, workspace: Workspace) -> None:
    template = make_draft_template(workspace)
    html = "<p>\n<b>typed with care</b>\n{% if gold %}"
    answer = editor.post(address(template), typed(template, action="publish", **{"part-html": html}))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "content.html" in page
    assert "Line 3" in page
    assert "typed with care" in page
    template.refresh_from_db()
    assert template.published is None


def test_a_save_over_somebody_elses_is_refused_and_the_text_is_kept(editor: Client, workspace: Workspace) -> None:
    template = make_draft_template(workspace)
    editor.post(address(template), typed(template, name="Theirs"))
    answer = editor.post(address(template), typed(template, name="Mine"))
    assert answer.status_code == 422
    assert 'value="Mine"' in answer.content.decode()
    assert f'name="revision" value="{template.revision}"' in answer.content.decode()
    template.refresh_from_db()
    assert template.name == "Theirs"


@pytest.mark.parametrize("broken", [{"defaults": "[1]"}, {"sample": "{"}, {"action": "explode"}, {"revision": "x"}])
def test_a_broken_form_is_refused_in_words(editor: Client, workspace: Workspace, broken: dict[str, str]) -> None:
    template = make_draft_template(workspace)
    answer = editor.post(address(template), typed(template, **broken))
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()


def test_a_viewer_reads_and_cannot_save(client: Client, workspace: Workspace) -> None:
    client.force_login(make_member(workspace, Role.VIEWER))
    template = make_draft_template(workspace)
    assert client.get(address(template)).status_code == 200
    assert client.post(address(template), typed(template)).status_code == 403


@pytest.mark.parametrize("page", ["change", "versions"])
def test_another_workspaces_template_is_not_there(editor: Client, other_workspace: Workspace, page: str) -> None:
    assert editor.get(address(make_template(other_workspace), page=page)).status_code == 404


def test_the_preview_shows_what_is_typed_with_sample_values(editor: Client, workspace: Workspace) -> None:
    template = make_draft_template(workspace)
    answer = preview(editor, template, sample={"first_name": "A & B"}).json()
    assert answer["parts"]["subject"] == "Hello A & B"
    assert "<p>Hello A &amp; B</p>" in answer["parts"]["html"]
    assert answer["problems"] == []
    assert [(variable["name"], variable["required"]) for variable in answer["variables"]] == [("first_name", True)]
    assert not Template.objects.filter(revision__gt=1).exists()


def test_the_preview_shows_the_chosen_contact_by_id_or_email(editor: Client, workspace: Workspace) -> None:
    template = make_draft_template(workspace)
    make_contact(workspace, external_id="ana", email="ana@example.test", attributes={"first_name": "Ana"})
    for wanted in ("ana", "ANA@example.test"):
        answer = preview(editor, template, contact=wanted, sample={"first_name": "Sample"}).json()
        assert (answer["contact"], answer["parts"]["subject"]) == ("ana", "Hello Ana")


def test_the_preview_never_shows_another_workspaces_contact(
    editor: Client, workspace: Workspace, other_workspace: Workspace
) -> None:
    make_contact(other_workspace, external_id="ana", attributes={"first_name": "Secret"})
    answer = preview(editor, make_draft_template(workspace), contact="ana").json()
    assert answer["contact"] is None
    assert "Secret" not in json.dumps(answer)


def test_the_preview_names_the_line_of_an_error_and_what_is_missing(editor: Client, workspace: Workspace) -> None:
    template = make_draft_template(workspace)
    broken = preview(editor, template, content={**EMAIL, "html": "<p>\n{{ first_name"}).json()
    assert broken["parts"] is None
    assert [(item["part"], item["line"], item["level"]) for item in broken["problems"]] == [("html", 2, "error")]
    assert preview(editor, template).json()["missing"] == ["first_name"] * 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"content": []}',
        b"\xff",
        b'{"content": {"html": 7}}',
        b'{"content": ' + b'{"a": ' * 100_000 + b"1" + b"}" * 100_001,
        b'{"content": {}, "contact": "\\ud800"}',
        b'{"content": {}, "contact": "a\\u0000"}',
        b'{"content": {"subject": "{{ a }}"}, "sample": {"a": ' + b"9" * 5_000 + b"}}",
    ],
)
def test_a_broken_preview_request_never_breaks_the_server(editor: Client, workspace: Workspace, body: bytes) -> None:
    template = make_draft_template(workspace)
    answer = editor.post(address(template, page="preview"), body, content_type="application/json")
    assert answer.status_code in (200, 400)


def test_a_hostile_template_ends_as_a_clear_error(editor: Client, workspace: Workspace) -> None:
    template = make_draft_template(workspace)
    answer = preview(editor, template, content={**EMAIL, "subject": "{{ (1..30000000) | join }}"}).json()
    assert [item["level"] for item in answer["problems"]] == ["error"]
