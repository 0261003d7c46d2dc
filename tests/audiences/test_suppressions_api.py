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


def said(api: Api, reason: str, at: str | None = None) -> tuple[int, int, int]:
    row = {"type": "email", "value": "a@example.test", "reason": reason, **({"created_at": at} if at else {})}
    answer = api.post(SUPPRESSIONS, {"suppressions": [row]}).json()
    return answer["created"], answer["updated"], answer["unchanged"]


def reasons() -> list[str]:
    held = Suppression.objects.get()
    return [held.reason, *(one["reason"] for one in held.other_reasons)]


def test_the_strongest_reason_stands_and_the_others_are_kept(api: Api) -> None:
    at = "2024-03-01T10:00:00Z"
    assert said(api, "unsubscribed", at) == (1, 0, 0)
    assert said(api, "hard_bounce") == (0, 1, 0) and reasons() == ["bounce", "unsubscribed"]
    assert said(api, "our own word") == (0, 1, 0) and reasons() == ["bounce", "our own word", "unsubscribed"]
    assert said(api, "spam") == (0, 1, 0) and reasons() == ["complaint", "bounce", "our own word", "unsubscribed"]
    for again in ("bounce", "complaint", "unsubscribed", "our own word"):
        assert said(api, again) == (0, 0, 1)
    [shown] = api.get(SUPPRESSIONS).json()["results"]
    assert shown["other_reasons"][2] == {"reason": "unsubscribed", "source": "", "created_at": at}


def test_of_unsubscribing_the_last_time_counts(api: Api) -> None:
    for at, counted in (("2024-03-01", (1, 0, 0)), ("2025-03-01", (0, 1, 0)), ("2023-03-01", (0, 0, 1))):
        assert said(api, "unsubscribed", f"{at}T00:00:00Z") == counted
    assert Suppression.objects.get().created_at.year == 2025


def test_reasons_within_one_call_are_of_one_suppression(api: Api) -> None:
    rows = [{"type": "email", "value": "a@example.test", "reason": f"word {n}"} for n in range(20)]
    rows += [{"type": "email", "value": "A@example.test", "reason": reason} for reason in ("opt-out", "spam")]
    answer = api.post(SUPPRESSIONS, {"suppressions": rows}).json()
    assert (answer["created"], answer["updated"], answer["unchanged"]) == (1, 0, 21)
    assert reasons() == ["complaint", *(f"word {n}" for n in range(8)), "unsubscribed"]


def test_removing_leaves_what_the_person_said_until_it_is_removed_too(api: Api) -> None:
    at = "2024-03-01T10:00:00Z"
    said(api, "unsubscribed", at)
    said(api, "bounce")
    url = api.get(SUPPRESSIONS).json()["results"][0]["url"]
    assert api.delete(url).status_code == 204
    [left] = api.get(SUPPRESSIONS).json()["results"]
    assert (left["reason"], left["created_at"], left["other_reasons"]) == ("unsubscribed", at, [])
    assert api.delete(url).status_code == 204 and not Suppression.objects.exists()
    removed = AuditEntry.objects.filter(action="suppression removed").order_by("pk")
    assert [one.details["reason"] for one in removed] == ["bounce, unsubscribed", "unsubscribed"]


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
