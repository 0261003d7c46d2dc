"""Loads the demo, through the services that everybody uses; asking again finds everything there."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile

from audiences.contacts import mark_invalid
from audiences.imports import import_upload
from audiences.lists import create_list
from audiences.models import List, Upload, UploadState
from audiences.uploads import create_upload
from common.authorship import Actor
from executions.caps.rules import CapFields, caps_of, create_cap
from executions.demo.contacts import APP_IDS, BOUNCED, COUNT, as_csv
from executions.demo.templates import EMAIL, PUSH, SAMPLE
from providers.models import Kind, Provider, Sender
from templates_registry.models import Template
from templates_registry.services import create_template, publish
from workspaces.keys import create_api_key, hash_key, prefix_of, revoke_api_key
from workspaces.models import ApiKey, App, User, Workspace
from workspaces.roles import Scope
from workspaces.write_keys import create_write_key

SLUG = "demo"
ADMIN = "admin"
LIST = "Everyone"
UPLOAD = "Demo contacts"
APP_NAMES = {"shop-android": "Shop for Android", "shop-ios": "Shop for iPhone"}
# Roomy, so that the printed calls can be pasted some times on one day before the cap shows.
CAP: CapFields = {"type": "email", "max": 10, "window": "24h"}


@dataclass(frozen=True, slots=True)
class Demo:
    api_key: str
    write_key: str
    admin_user: str
    admin_password: str
    template_id: int
    push_template_id: int
    list_id: int
    app_id: str


def load_demo(known: Mapping[str, str], *, count: int = COUNT) -> Demo:
    """`known` is what an earlier load wrote down: the password and the key, which are nowhere else to be found."""
    user, password = _admin(known.get("VOLLEY_ADMIN_PASSWORD", ""))
    actor = Actor(kind="user", id=user.pk, name=user.username, author_id=user.pk)
    workspace, _ = Workspace.objects.get_or_create(slug=SLUG, defaults={"name": "Demo"})
    apps = [_app(workspace, app_id) for app_id in APP_IDS]
    _sending(workspace)
    if not caps_of(workspace_id=workspace.pk).exists():
        create_cap(workspace_id=workspace.pk, actor=actor, **CAP)
    everyone = _everyone(workspace, actor)
    _people(workspace, everyone, actor, count)
    return Demo(
        api_key=_api_key(workspace, known.get("VOLLEY_API_KEY", ""), actor),
        write_key=_write_key(apps[0], actor),
        admin_user=user.username,
        admin_password=password,
        template_id=_template(workspace, EMAIL, actor).pk,
        push_template_id=_template(workspace, PUSH, actor).pk,
        list_id=everyone.pk,
        app_id=apps[0].app_id,
    )


def _write_key(app: App, actor: Actor) -> str:
    known = app.write_keys.filter(revoked_at=None).order_by("pk").first()
    return (known or create_write_key(app=app, name="demo", actor=actor)).key


def _admin(password: str) -> tuple[User, str]:
    """A superuser whose password is the known one; a new one where that is lost."""
    user = User.objects.filter(username=ADMIN).first() or User(username=ADMIN, email="admin@example.test")
    user.is_staff = user.is_superuser = user.is_active = True
    if not password or not user.check_password(password):
        password = secrets.token_urlsafe(12)
        user.set_password(password)
    user.save()
    return user, password


def _api_key(workspace: Workspace, plain: str, actor: Actor) -> str:
    key = ApiKey.objects.filter(workspace=workspace, prefix=prefix_of(plain) or "", revoked_at=None).first()
    if key is not None and key.hash == hash_key(plain):
        return plain
    for lost in ApiKey.objects.filter(workspace=workspace, name=SLUG, revoked_at=None):
        revoke_api_key(key_id=lost.pk, workspace_id=workspace.pk, actor=actor)
    return create_api_key(workspace=workspace, name=SLUG, scopes=Scope.values, actor=actor).plain


def _app(workspace: Workspace, app_id: str) -> App:
    app, _ = App.objects.get_or_create(workspace=workspace, app_id=app_id, defaults={"name": APP_NAMES[app_id]})
    return app


def _sending(workspace: Workspace) -> None:
    """A provider that keeps what would be sent, for every type, and a sender; unless others were made since."""
    if not Provider.objects.filter(workspace=workspace).exists():
        Provider.objects.create(workspace=workspace, name="Sandbox", kind=Kind.SANDBOX, is_default=True)
    if not Sender.objects.filter(workspace=workspace, type="email").exists():
        Sender.objects.create(
            workspace=workspace, type="email", name="Volley Demo", address="news@example.test", is_default=True
        )


def _template(workspace: Workspace, described: Mapping[str, Any], actor: Actor) -> Template:
    found = Template.objects.filter(workspace=workspace, name=described["name"], type=described["type"]).first()
    made = found or create_template(workspace_id=workspace.pk, sample=SAMPLE, actor=actor, **described)
    if made.published_id is None and made.archived_at is None:
        publish(template_id=made.pk, workspace_id=workspace.pk, actor=actor)
    return made


def _everyone(workspace: Workspace, actor: Actor) -> List:
    found = List.objects.filter(workspace=workspace, name=LIST, archived_at=None).order_by("pk").first()
    return found or create_list(workspace_id=workspace.pk, name=LIST, description="All of the demo.", actor=actor)


def _people(workspace: Workspace, everyone: List, actor: Actor, count: int) -> None:
    """By the import that a customer would use; one that was interrupted is gone on with."""
    unusable = (UploadState.FAILED, UploadState.CANCELLED)
    upload = Upload.objects.filter(workspace=workspace, list=everyone, name=UPLOAD).exclude(state__in=unusable)
    found = upload.order_by("pk").first()
    if found is not None and found.state == UploadState.FINISHED:
        return
    found = found or create_upload(
        workspace_id=workspace.pk,
        file=ContentFile(as_csv(count), name="demo.csv"),
        name=UPLOAD,
        list_id=everyone.pk,
        actor=actor,
    )
    while import_upload(upload_id=found.pk):
        pass
    # As if a mailbox had answered that nobody is there.
    mark_invalid(workspace_id=workspace.pk, external_id=BOUNCED)
