"""Reads contacts, lists, suppressions and uploads. Every queryset is scoped to a workspace."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from audiences.address_values import parse_address
from audiences.bad_value import BadValue
from audiences.models import Address, Contact, List, Suppression, Upload
from common.channels import Type
from common.errors import FieldError, Invalid, NotFound


def contacts_of(
    *, workspace_id: int, external_id: str | None = None, email: str | None = None, list_id: int | None = None
) -> QuerySet[Contact]:
    """Raises `Invalid` for an `email` that is none."""
    found = Contact.objects.filter(workspace_id=workspace_id)
    if external_id is not None:
        found = found.filter(external_id=external_id)
    if email is not None:
        holders = Address.objects.filter(
            workspace_id=workspace_id, type=Type.EMAIL, value=_searched(Type.EMAIL, email, "email")
        )
        found = found.filter(pk__in=holders.values("contact_id"))
    if list_id is not None:
        found = found.filter(list_memberships__list_id=list_id, list_memberships__workspace_id=workspace_id)
    return found


def _searched(type: str, value: str, field: str) -> str:
    try:
        return parse_address(type, value)
    except BadValue as error:
        raise Invalid([FieldError(field, error.code, error.message)], detail="Nothing was looked up.") from None


def get_contact(*, contact_id: int, workspace_id: int) -> Contact:
    """Raises `NotFound` outside the workspace."""
    found = Contact.objects.filter(workspace_id=workspace_id, pk=contact_id).first()
    if found is None:
        raise NotFound("This workspace has no such contact.")
    return found


def addresses_of(contacts: Iterable[Contact]) -> dict[int, list[Address]]:
    """By contact id, oldest first."""
    found: dict[int, list[Address]] = {}
    rows = Address.objects.filter(contact_id__in=[one.pk for one in contacts]).select_related("app")
    for address in rows.order_by("pk"):
        found.setdefault(address.contact_id, []).append(address)
    return found


def lists_of(*, workspace_id: int, q: str | None = None, archived: bool = False) -> QuerySet[List]:
    found = List.objects.filter(workspace_id=workspace_id, archived_at__isnull=not archived)
    return found.filter(name__icontains=q) if q else found


def get_list(*, list_id: int, workspace_id: int) -> List:
    """Raises `NotFound` outside the workspace."""
    found = List.objects.filter(workspace_id=workspace_id, pk=list_id).first()
    if found is None:
        raise NotFound("This workspace has no such list.")
    return found


def list_errors(*, workspace_id: int, list_ids: Iterable[int], field: str) -> list[FieldError]:
    """One for each list that contacts can't be put in; `field` is `list_ids` or `list_id`."""
    wanted = list(list_ids)
    open_ids = set(lists_of(workspace_id=workspace_id).filter(pk__in=wanted).values_list("pk", flat=True))
    return [
        FieldError(
            field if field == "list_id" else f"{field}[{place}]",
            "not_found",
            "This workspace has no such list, or it is archived.",
            list_id,
            hint="Find lists with GET /api/v1/lists.",
        )
        for place, list_id in enumerate(wanted)
        if list_id not in open_ids
    ]


def suppressions_of(
    *,
    workspace_id: int,
    type: str | None = None,
    value: str | None = None,
    reason: str | None = None,
    source: str | None = None,
) -> QuerySet[Suppression]:
    """`value` is searched in the form that it is kept in, where `type` says which."""
    filters: dict[str, Any] = {"workspace_id": workspace_id}
    if type:
        filters["type"] = type
    if value:
        filters["value"] = _searched(type, value, "value") if type else value.strip().lower()
    if reason:
        filters["reason"] = reason
    if source:
        filters["source"] = source
    return Suppression.objects.filter(**filters)


def uploads_of(*, workspace_id: int, state: str | None = None, kind: str | None = None) -> QuerySet[Upload]:
    found = Upload.objects.filter(workspace_id=workspace_id)
    found = found.filter(kind=kind) if kind else found
    return found.filter(state=state) if state else found


def get_upload(*, upload_id: int, workspace_id: int) -> Upload:
    """Raises `NotFound` outside the workspace."""
    found = Upload.objects.filter(workspace_id=workspace_id, pk=upload_id).first()
    if found is None:
        raise NotFound("This workspace has no such upload.")
    return found
