"""Every field of every launching call, with every kind of nonsense: always an answer that says what is wrong."""

from typing import Any

import pytest

from executions.models import Execution
from tests.api_client import Api
from tests.factories import make_campaign, make_contact, make_list
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
NONSENSE: list[Any] = [
    None,
    True,
    -1,
    0,
    2**63 - 1,
    1.5,
    1e300,
    "",
    " ",
    "x" * 5000,
    "😀\u202e\u0007",
    "١٢٣",
    "-5",
    "9" * 19,
    [],
    [[]],
    [None],
    {},
    {"": ""},
    {"type": []},
    {"type": "list", "id": []},
    {"type": "any_of", "sources": [None, 5, {"type": "list", "id": 2**63 - 1}]},
    {"type": "contacts", "contacts": [None, 5, "", [], {}, {"email": []}, {"external_id": 5, "attributes": [1]}]},
    {"type": "contacts", "contacts": [{"external_id": "a", "personalization": {"x": [[[["deep"]]]]}}]},
    {"type": "contacts", "contacts": [{"email": "é@ü.test", "addresses": [{"type": "push"}]}], "create_missing": 5},
]
CALLS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "/api/v1/campaigns/{id}/execute": (
        {"audience": {"type": "all"}},
        (
            "audience",
            "frequency_capping",
            "personalization",
            "scheduled_for",
            "schedule",
            "cut_off",
            "rate_per_minute",
            "strict",
            "dry_run",
            "nonsense",
        ),
    ),
    "/api/v1/campaigns/{id}/test": (
        {"addresses": ["nobody"]},
        ("addresses", "app_id", "external_id", "personalization"),
    ),
    "/campaign/create": (
        {"type": "email"},
        ("type", "name", "app_ids", "app_id", "template_id", "tags", "personalization", "sender_id", "once", "on_cap"),
    ),
    "/campaign/execute": (
        {"campaign_id": "{id}", "data_source": "all"},
        ("campaign_id", "type", "data_source", "list_id", "list_ids", "frequency_capping", "personalization"),
    ),
}


@pytest.mark.parametrize(("path", "field"), [(path, field) for path, (_, fields) in CALLS.items() for field in fields])
def test_nonsense_is_refused_or_ignored_but_never_a_server_error(
    api: Api, workspace: Workspace, path: str, field: str
) -> None:
    campaign = make_campaign(workspace)
    make_list(workspace, [make_contact(workspace)])
    valid = {name: campaign.pk if value == "{id}" else value for name, value in CALLS[path][0].items()}
    for value in NONSENSE:
        answer = api.post(path.format(id=campaign.pk), {**valid, field: value})
        assert answer.status_code in (200, 400, 404, 409, 422), (value, answer.content)
        if answer.status_code != 200:
            assert answer.json()["code"], value


@pytest.mark.parametrize("value", NONSENSE)
def test_nonsense_in_a_query_is_never_a_server_error(api: Api, workspace: Workspace, value: Any) -> None:
    make_contact(workspace)
    campaign = make_campaign(workspace)
    body = {"audience": {"type": "all"}}
    execution_id = api.post(f"/api/v1/campaigns/{campaign.pk}/execute", body).json()["execution_id"]
    assert Execution.objects.filter(pk=execution_id).exists()
    for path in ("/api/v1/executions", f"/api/v1/executions/{execution_id}/deliveries"):
        for name in (
            "campaign",
            "state",
            "type",
            "tag",
            "outcome",
            "reason",
            "external_id",
            "limit",
            "cursor",
            "format",
        ):
            answer = api.client.get(path, {name: str(value)}, headers={"Authorization": f"Bearer {api.key}"})
            assert answer.status_code in (200, 404, 406, 422), (name, answer.content)
