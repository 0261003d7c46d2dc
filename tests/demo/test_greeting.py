import re
import stat
import subprocess
from pathlib import Path

from executions.demo.greeting import (
    as_variables,
    create_call,
    execute_call,
    greeting,
    read_variables,
    write_variables,
)
from executions.demo.loading import Demo

URL = "http://127.0.0.1:8000"
LOADED = Demo("vk_0acbcb64afc1_x", "wk_y", "admin", "u2_Nh-L5", 17, 18, 42, "shop-android")


def test_the_file_is_for_its_owner_only_and_is_read_back(tmp_path: Path) -> None:
    variables = as_variables(LOADED, URL)
    write_variables(tmp_path, variables)
    assert stat.S_IMODE((tmp_path / "demo.env").stat().st_mode) == 0o600
    assert read_variables(tmp_path) == variables
    sourced = [
        "bash",
        "-c",
        'set -eu; . "$0"; echo "$VOLLEY_API_KEY $VOLLEY_ADMIN_PASSWORD"',
        str(tmp_path / "demo.env"),
    ]
    said = subprocess.run(sourced, capture_output=True, text=True, check=True).stdout
    assert said.split() == [LOADED.api_key, LOADED.admin_password]


def test_the_two_calls_are_commands_that_a_shell_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "a folder's"
    folder.mkdir()
    (folder / "campaign.json").write_text('{"status":"success","campaign_id":10001,"state":"draft"}')
    variables = as_variables(LOADED, URL)
    script = "curl() { printf '%s\\n' \"$@\"; }; "
    said = [
        subprocess.run(["bash", "-c", script + call], capture_output=True, text=True, check=True).stdout
        for call in (execute_call(variables, folder), create_call(variables, folder))
    ]
    assert f"{URL}/api/v1/campaigns/10001/execute\n" in said[0] and f'"id": {LOADED.list_id}}}' in said[0]
    assert f'"template_id": {LOADED.template_id}}}' in said[1] and f"Bearer {LOADED.api_key}\n" in said[1]
    assert (folder / "campaign.json").read_text() == said[1], "the answer is kept for the second call"


def test_the_page_tells_login_key_and_calls(tmp_path: Path) -> None:
    page = greeting(as_variables(LOADED, URL), tmp_path)
    for part in (f"{URL}/admin/", LOADED.admin_user, LOADED.admin_password, LOADED.api_key):
        assert part in page
    assert len(re.findall(r"^curl .*$", page, re.MULTILINE)) == 2
