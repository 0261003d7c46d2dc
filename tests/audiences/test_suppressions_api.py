from audiences.models import Suppression
from tests.api_client import Api
from workspaces.models import AuditEntry, Workspace

SUPPRESSIONS = "/api/v1/suppressions"


def test_addresses_are_suppressed_in_the_form_that_they_are_kept_in(api: Api) -> None:
    rows = [
        {"type": "email", "value": "Ana@Example.test", "reason": "complaint", "source": "support"},
        {"type": "sms", "value": "+49 170 1234567"},
        {"type": "email", "value": "ana@example.test"},
        {"type": "email", "value": "nope"},
        {"type": "fax", "value": "1"},
        {"type": "email", "value": "a@b.c", "why": "x"},
        "x",
    ]
    answer = api.post(SUPPRESSIONS, {"suppressions": rows}).json()
    assert (answer["received"], answer["created"], answer["unchanged"], answer["rejected_count"]) == (7, 2, 1, 4)
    assert [(one["field"], one["code"]) for one in answer["rejected"]] == [
        ("suppressions[3].value", "invalid_address"),
        ("suppressions[4].type", "unknown_choice"),
        ("suppressions[5]", "unknown_field"),
        ("suppressions[6]", "wrong_type"),
    ]
    assert set(Suppression.objects.values_list("type", "value", "reason", "source")) == {
        ("email", "ana@example.test", "complaint", "support"),
        ("sms", "+491701234567", "manual", ""),
    }


def test_one_that_exists_stays_as_it_is(api: Api, workspace: Workspace) -> None:
    Suppression.objects.create(workspace=workspace, type="email", value="a@example.test", reason="bounce")
    answer = api.post(SUPPRESSIONS, {"suppressions": [{"type": "email", "value": "a@example.test"}]}).json()
    assert (answer["created"], answer["unchanged"]) == (0, 1)
    assert Suppression.objects.get().reason == "bounce"


def test_suppressions_are_found_and_removed(api: Api, workspace: Workspace) -> None:
    wanted = Suppression.objects.create(workspace=workspace, type="email", value="a@example.test", reason="bounce")
    Suppression.objects.create(workspace=workspace, type="sms", value="+491701234567")
    for query in ("type=email", "type=email&value=A@Example.test", "reason=bounce", "value=a@example.test"):
        found = api.get(f"{SUPPRESSIONS}?{query}").json()["results"]
        assert [one["suppression_id"] for one in found] == [wanted.pk]
    assert api.delete(f"{SUPPRESSIONS}/{wanted.pk}").status_code == 204
    assert api.delete(f"{SUPPRESSIONS}/{wanted.pk}").status_code == 404
    assert AuditEntry.objects.get(object_id=wanted.pk, object_type="suppression").action == "suppression removed"


def test_suppressions_of_others_are_absent(other_api: Api, workspace: Workspace) -> None:
    theirs = Suppression.objects.create(workspace=workspace, type="email", value="a@example.test")
    assert other_api.delete(f"{SUPPRESSIONS}/{theirs.pk}").status_code == 404
    assert other_api.get(SUPPRESSIONS).json()["results"] == []


def test_an_empty_body_is_refused(api: Api) -> None:
    assert api.post(SUPPRESSIONS, {"suppressions": []}).status_code == 422
