"""Templates are only read by API, and campaigns are found by their tags."""

import pytest

from tests.factories import make_template
from tests.running.client import Client
from workspaces.models import Workspace


@pytest.mark.parametrize("path", ["/api/v1/templates", "/api/v1/templates/{id}", "/api/v1/templates/{id}/preview"])
def test_every_write_on_templates_answers_405(client: Client, workspace: Workspace, path: str) -> None:
    template = make_template(workspace)
    for method in {"POST", "PUT", "PATCH", "DELETE"} - ({"POST"} if path.endswith("preview") else set()):
        answer = client.request(method, path.format(id=template.pk), {"name": "Mine"})
        assert answer.status == 405, method
        assert method not in answer.headers["Allow"]
    template.refresh_from_db()
    assert template.name != "Mine"


def test_the_tag_filter_finds_campaigns_and_executions(client: Client, workspace: Workspace) -> None:
    template_id = make_template(workspace).pk
    sale = client.create(template_id=template_id, tags=["Sale", "Brand"])
    client.create(template_id=template_id, tags=["News"])
    execution_id = client.execute(sale, {"type": "contacts", "contacts": [{"email": "ana@example.test"}]})
    found = client.ok("GET", "/api/v1/campaigns?tag=Sale")["results"]
    assert [each["campaign_id"] for each in found] == [sale]
    assert client.ok("GET", "/api/v1/campaigns?tag=Nothing")["results"] == []
    found = client.ok("GET", "/api/v1/executions?tag=Brand")["results"]
    assert [each["execution_id"] for each in found] == [execution_id]
    client.wait_for(execution_id)
