from typing import Any

import pytest

from common.authorship import SYSTEM
from common.errors import Conflict, Invalid, NotFound
from templates_registry import services
from templates_registry.models import Template, TemplateVersion
from workspaces.models import AuditEntry, Workspace

CONTENT = {
    "subject": "Hello {{ first_name }}",
    "html": '<p>{{ city | default: "here" }}</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>',
}


def create(workspace: Workspace, **fields: Any) -> Template:
    values: dict[str, Any] = {"name": "Spring", "type": "email", "content": CONTENT, "actor": SYSTEM, **fields}
    return services.create_template(workspace_id=workspace.pk, **values)


def publish(template: Template) -> TemplateVersion:
    return services.publish(template_id=template.pk, workspace_id=template.workspace_id, actor=SYSTEM)


def save(template: Template, **fields: Any) -> Template:
    values: dict[str, Any] = {
        "revision": template.revision,
        "name": template.name,
        "content": template.content,
        "defaults": template.defaults,
        "sample": template.sample,
        "purpose": template.purpose,
        **fields,
    }
    return services.save_draft(template_id=template.pk, workspace_id=template.workspace_id, actor=SYSTEM, **values)


def refusals(refused: pytest.ExceptionInfo[Invalid]) -> dict[str, str]:
    return {error.field: error.code for error in refused.value.errors}


def test_a_published_version_freezes_content_and_names_its_variables(workspace: Workspace) -> None:
    template = create(workspace, defaults={"city": "Pune"})
    version = publish(template)
    template.refresh_from_db()
    assert template.published == version
    assert (version.number, version.content, version.defaults) == (1, CONTENT, {"city": "Pune"})
    assert [(item["name"], item["required"]) for item in version.variables] == [("first_name", True), ("city", False)]
    save(template, content={**CONTENT, "subject": "Changed"})
    version.refresh_from_db()
    assert version.content == CONTENT


def test_publishing_the_same_draft_again_answers_the_same_version(workspace: Workspace) -> None:
    template = create(workspace)
    assert publish(template) == publish(template)
    assert template.versions.count() == 1


def test_publishing_a_changed_draft_makes_the_next_number(workspace: Workspace) -> None:
    template = create(workspace)
    publish(template)
    save(template, content={**CONTENT, "subject": "Changed"})
    assert publish(template).number == 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({**CONTENT, "subject": "  "}, {"content.subject": "required"}),
        ({**CONTENT, "html": "{{ a"}, {"content.html": "syntax_error"}),
        ({**CONTENT, "html": "<p>no way out</p>"}, {"content.html": "no_unsubscribe_link"}),
        (
            {**CONTENT, "html": "{% if a %}{{ unsubscribe_url }}{% endif %}"},
            {"content.html": "no_unsubscribe_link"},
        ),
        ({"subject": "{% include 'x' %}", "html": "{% if %}"}, None),
    ],
)
def test_an_unfinished_draft_is_kept_and_not_published(
    workspace: Workspace, content: dict[str, str], expected: dict[str, str] | None
) -> None:
    template = create(workspace, content=content)
    with pytest.raises(Invalid) as refused:
        publish(template)
    if expected is not None:
        assert refusals(refused) == expected
    else:
        assert set(refusals(refused)) == {"content.subject", "content.html"}
    template.refresh_from_db()
    assert template.published is None
    assert template.content == content


def test_a_transactional_email_needs_no_unsubscribe_link(workspace: Workspace) -> None:
    content = {**CONTENT, "html": "<p>Your order</p>"}
    assert publish(create(workspace, content=content, purpose="transactional")).number == 1


def test_a_hostile_template_is_refused_when_published(workspace: Workspace) -> None:
    content = {**CONTENT, "subject": "{{ (1..30000000) | join }}"}
    with pytest.raises(Invalid) as refused:
        publish(create(workspace, content=content))
    assert set(refusals(refused)) == {"content.subject"}


def test_a_save_over_somebody_elses_save_is_refused(workspace: Workspace) -> None:
    template = create(workspace)
    save(template, name="Theirs")
    with pytest.raises(Conflict) as refused:
        save(template, name="Mine")
    assert refused.value.code == "stale_revision"
    template.refresh_from_db()
    assert template.name == "Theirs"


def test_every_wrong_field_of_a_draft_is_named_at_once(workspace: Workspace) -> None:
    with pytest.raises(Invalid) as refused:
        create(workspace, content={"subject": "a\0b", "html": "x" * 500_001, "teaser": "?"}, sample={"a": "x" * 70_000})
    assert refusals(refused) == {
        "content.subject": "nul",
        "content.html": "too_long",
        "content.teaser": "unknown_field",
        "sample": "too_large",
    }
    assert not Template.objects.exists()


def test_a_copy_is_an_unpublished_draft_of_its_own(workspace: Workspace) -> None:
    template = create(workspace, name="N" * 100)
    publish(template)
    copy = services.duplicate(template_id=template.pk, workspace_id=workspace.pk, actor=SYSTEM)
    assert copy.content == template.content
    assert copy.published is None
    assert len(copy.name) == 100
    assert copy.name.endswith(" (copy)")


def test_an_archived_template_is_neither_saved_nor_published_until_restored(workspace: Workspace) -> None:
    template = create(workspace)
    services.archive(template_id=template.pk, workspace_id=workspace.pk, actor=SYSTEM)
    services.archive(template_id=template.pk, workspace_id=workspace.pk, actor=SYSTEM)
    with pytest.raises(Conflict):
        publish(template)
    with pytest.raises(Conflict):
        save(template)
    services.restore(template_id=template.pk, workspace_id=workspace.pk, actor=SYSTEM)
    assert publish(template).number == 1
    actions = list(AuditEntry.objects.filter(object_type="template").order_by("id").values_list("action", flat=True))
    assert actions == ["created", "archived", "restored", "published"]


def test_another_workspaces_template_is_not_there(workspace: Workspace, other_workspace: Workspace) -> None:
    template = create(other_workspace)
    for service in (services.publish, services.duplicate, services.archive, services.restore):
        with pytest.raises(NotFound):
            service(template_id=template.pk, workspace_id=workspace.pk, actor=SYSTEM)
