"""What the demo tells: a file for scripts, and a page for people, with two calls that work as they are pasted."""

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from executions.demo.loading import Demo

FILE = "demo.env"
ANSWER = "campaign.json"


def as_variables(demo: Demo, url: str) -> dict[str, str]:
    return {
        "VOLLEY_URL": url,
        "VOLLEY_API_KEY": demo.api_key,
        "VOLLEY_WRITE_KEY": demo.write_key,
        "VOLLEY_ADMIN_USER": demo.admin_user,
        "VOLLEY_ADMIN_PASSWORD": demo.admin_password,
        "VOLLEY_TEMPLATE_ID": str(demo.template_id),
        "VOLLEY_LIST_ID": str(demo.list_id),
        "VOLLEY_APP_ID": demo.app_id,
        "VOLLEY_PUSH_TEMPLATE_ID": str(demo.push_template_id),
    }


def read_variables(folder: Path) -> dict[str, str]:
    """What an earlier load wrote; empty where there was none."""
    try:
        lines = (folder / FILE).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def write_variables(folder: Path, variables: Mapping[str, str]) -> None:
    """Readable by its owner only, and never half written."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{FILE}.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in variables.items())
    draft.replace(folder / FILE)


def greeting(variables: Mapping[str, str], folder: Path) -> str:
    url = variables["VOLLEY_URL"]
    return f"""
Volley's demo is loaded: 10,000 contacts in the list "Everyone", two apps, two templates, a frequency cap,
and a sandbox provider that keeps what would be sent.

  Admin     {url}/admin/
  Login     {variables["VOLLEY_ADMIN_USER"]}
  Password  {variables["VOLLEY_ADMIN_PASSWORD"]}
  API key   {variables["VOLLEY_API_KEY"]}
  API docs  {url}/api/docs/

1. Create a campaign. It rests; nothing is sent:

{create_call(variables, folder)}

2. Execute it. It goes to everyone in the list:

{execute_call(variables, folder)}

Watch it in the admin under Executions; each message is in the Outbox. All of the above is also in
{folder / FILE}
"""


def create_call(variables: Mapping[str, str], folder: Path) -> str:
    """Keeps the answer in a file, where the second call finds the campaign's id, in whatever shell."""
    body = {"type": "email", "name": "My first campaign", "template_id": int(variables["VOLLEY_TEMPLATE_ID"])}
    answer = shlex.quote(str(folder / ANSWER))
    return f"{_post(variables, shlex.quote(f'{variables["VOLLEY_URL"]}/api/v1/campaigns'), body)} | tee {answer}"


def execute_call(variables: Mapping[str, str], folder: Path) -> str:
    body = {
        "audience": {"type": "list", "id": int(variables["VOLLEY_LIST_ID"])},
        "frequency_capping": True,
        "personalization": {"offer": "20%"},
    }
    answer = shlex.quote(str(folder / ANSWER))
    campaign = f"$(grep -o '\"campaign_id\":[0-9]*' {answer} | grep -o '[0-9]*')"
    return _post(variables, f'"{variables["VOLLEY_URL"]}/api/v1/campaigns/{campaign}/execute"', body)


def _post(variables: Mapping[str, str], address: str, body: Mapping[str, Any]) -> str:
    key = shlex.quote(f"Authorization: Bearer {variables['VOLLEY_API_KEY']}")
    return f"curl -sS -X POST {address} -H {key} -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"
