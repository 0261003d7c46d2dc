from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from audiences.models import Address, AddressState, Contact, Upload
from executions.demo.contacts import REFUSED, awkward
from executions.demo.greeting import (
    as_variables,
    write_variables,
)
from executions.demo.loading import Demo, load_demo
from executions.models import FrequencyCap
from providers.models import Provider
from templates_registry.models import Template
from tests.api_client import Api
from workspaces.models import ApiKey, User, Workspace

URL = "http://127.0.0.1:8000"
COUNT = 40
LOADED = Demo("vk_0acbcb64afc1_x", "wk_y", "admin", "u2_Nh-L5", 17, 18, 42, "shop-android")


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STATE_DIR = tmp_path
    return tmp_path


@pytest.fixture
def demo(db: None) -> Demo:
    return load_demo({}, count=COUNT)


def test_everybody_usable_is_in_the_list_by_way_of_an_upload(demo: Demo) -> None:
    upload = Upload.objects.get()
    assert (upload.state, upload.created, upload.rejected) == ("finished", COUNT + len(awkward()) - 1, 1)
    assert Contact.objects.filter(list_memberships__list_id=demo.list_id).count() == upload.created
    with upload.rejected_file.open("r") as file:
        assert f"{REFUSED},not-an-address" in str(file.read())
    assert Address.objects.get(state=AddressState.INVALID).contact.external_id == "awkward-bounced"
    assert Address.objects.filter(consent="unsubscribed").count() == 1


def test_the_demo_has_what_its_first_calls_need(demo: Demo) -> None:
    workspace = Workspace.objects.get()
    assert Provider.objects.get().is_default and FrequencyCap.objects.count() == 1
    assert set(workspace.apps.values_list("app_id", flat=True)) == {"shop-android", "shop-ios"}
    published = Template.objects.exclude(published=None)
    assert set(published.values_list("pk", "type")) == {(demo.template_id, "email"), (demo.push_template_id, "push")}
    assert workspace.write_keys.get(app__app_id=demo.app_id).key == demo.write_key


def test_the_admin_can_log_in_and_the_key_opens_everything(demo: Demo, rf: Any) -> None:
    user = authenticate(rf.post("/admin/login/"), username=demo.admin_user, password=demo.admin_password)
    assert isinstance(user, User) and user.is_superuser and user.is_staff
    api = Api(demo.api_key)
    body = {"type": "push", "app_ids": ["shop-android", "shop-ios"], "template_id": demo.push_template_id}
    assert api.post("/api/v1/campaigns", body).status_code == 200
    assert api.get(f"/api/v1/lists/{demo.list_id}").status_code == 200


def test_loading_again_changes_nothing(demo: Demo) -> None:
    before = [model.objects.count() for model in (User, ApiKey, Upload, Contact, Template, FrequencyCap, Provider)]
    assert load_demo(as_variables(demo, URL), count=COUNT) == demo
    after = [model.objects.count() for model in (User, ApiKey, Upload, Contact, Template, FrequencyCap, Provider)]
    assert before == after


def test_a_lost_file_gets_a_new_password_and_key_and_the_lost_key_is_revoked(demo: Demo) -> None:
    again = load_demo({}, count=COUNT)
    assert again.api_key != demo.api_key and again.admin_password != demo.admin_password
    assert ApiKey.objects.filter(revoked_at=None).count() == 1
    assert Api(demo.api_key).get("/api/v1/lists").status_code == 401
    assert Api(again.api_key).get("/api/v1/lists").status_code == 200


def test_an_interrupted_import_is_gone_on_with(demo: Demo) -> None:
    Contact.objects.all().delete()
    Upload.objects.update(state="waiting", bytes_read=0, position=0, lines_read=0, rejected_bytes=0, rejected_kept=0)
    load_demo(as_variables(demo, URL), count=COUNT)
    assert Upload.objects.get().state == "finished" and Contact.objects.count() == COUNT + len(awkward()) - 1


def test_the_command_prints_again_what_was_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_variables(tmp_path, as_variables(LOADED, URL))
    call_command("demo", "--print")
    assert LOADED.admin_password in capsys.readouterr().out


def test_there_is_nothing_to_print_before_the_first_load(db: None) -> None:
    with pytest.raises(CommandError, match="not loaded"):
        call_command("demo", "--print")


def test_production_gets_no_demo(db: None, settings: Settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="development"):
        call_command("demo")
    assert not User.objects.exists()
