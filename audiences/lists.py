"""What can be done to lists."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models.functions import Now

from audiences.models import Contact, List
from common.authorship import Actor, authored_by
from common.errors import Conflict, FieldError, Invalid, NotFound
from workspaces import audit

NAME_LENGTH = 100
DESCRIPTION_LENGTH = 500
MEMBERS_PER_CALL = 10_000


@dataclass(frozen=True, slots=True)
class Members:
    """`changed` joined or left; `missing` are the places of ids that the workspace does not know."""

    changed: int
    unchanged: int
    missing: Sequence[tuple[str, object]]


@transaction.atomic
def create_list(*, workspace_id: int, name: str, description: str = "", actor: Actor) -> List:
    """Raises `Invalid` for a name or description that is too long, or no name."""
    _refuse_wrong(name, description)
    made = List.objects.create(
        workspace_id=workspace_id, name=name.strip(), description=description.strip(), **authored_by(actor)
    )
    made.refresh_from_db(fields=["created_at"])
    _record(made, actor, "created")
    return made


@transaction.atomic
def update_list(
    *, list_id: int, workspace_id: int, name: str | None = None, description: str | None = None, actor: Actor
) -> List:
    """Changes what is given. Raises `Conflict` for an archived list."""
    found = _open(list_id, workspace_id)
    name = found.name if name is None else name
    description = found.description if description is None else description
    _refuse_wrong(name, description)
    found.name, found.description = name.strip(), description.strip()
    found.save(update_fields=["name", "description"])
    _record(found, actor, "changed")
    return found


@transaction.atomic
def archive_list(*, list_id: int, workspace_id: int, actor: Actor) -> List:
    """Puts a list away; asking again changes nothing. Executions that name it go on."""
    found = _locked(list_id, workspace_id)
    if List.objects.filter(pk=list_id, archived_at=None).update(archived_at=Now()):
        found.refresh_from_db(fields=["archived_at"])
        _record(found, actor, "archived")
    return found


@transaction.atomic
def add_to_list(
    *,
    list_id: int,
    workspace_id: int,
    contact_ids: Sequence[int] = (),
    external_ids: Sequence[str] = (),
    actor: Actor,
) -> Members:
    """Puts known contacts in; who is in already stays."""
    return _change(list_id, workspace_id, contact_ids, external_ids, actor, sql=_ADD, action="contacts added")


@transaction.atomic
def remove_from_list(
    *,
    list_id: int,
    workspace_id: int,
    contact_ids: Sequence[int] = (),
    external_ids: Sequence[str] = (),
    actor: Actor,
) -> Members:
    """Takes known contacts out; they stay contacts."""
    return _change(list_id, workspace_id, contact_ids, external_ids, actor, sql=_REMOVE, action="contacts removed")


_ADD = """
INSERT INTO audiences_listmembership (list_id, workspace_id, contact_id)
SELECT %s, %s, c.id FROM audiences_contact c JOIN unnest(%s::bigint[]) id USING (id) ORDER BY c.id
ON CONFLICT DO NOTHING
"""
_REMOVE = """
DELETE FROM audiences_listmembership WHERE list_id = %s AND workspace_id = %s AND contact_id = ANY(%s::bigint[])
"""


def _change(
    list_id: int,
    workspace_id: int,
    contact_ids: Sequence[int],
    external_ids: Sequence[str],
    actor: Actor,
    *,
    sql: str,
    action: str,
) -> Members:
    found = _open(list_id, workspace_id)
    ids, missing = _known(workspace_id, contact_ids, external_ids)
    with connection.cursor() as cursor:
        cursor.execute(sql, [list_id, workspace_id, sorted(ids)])
        changed = cursor.rowcount
    _record(found, actor, action, count=changed)
    return Members(changed, len(ids) - changed, missing)


def _known(
    workspace_id: int, contact_ids: Sequence[int], external_ids: Sequence[str]
) -> tuple[set[int], list[tuple[str, object]]]:
    contacts = Contact.objects.filter(workspace_id=workspace_id)
    by_id = set(contacts.filter(pk__in=contact_ids).values_list("pk", flat=True))
    by_external_id = dict(contacts.filter(external_id__in=external_ids).values_list("external_id", "pk"))
    missing: list[tuple[str, object]] = [
        (f"contact_ids[{place}]", one) for place, one in enumerate(contact_ids) if one not in by_id
    ]
    missing += [(f"external_ids[{place}]", one) for place, one in enumerate(external_ids) if one not in by_external_id]
    return by_id | set(by_external_id.values()), missing


def _locked(list_id: int, workspace_id: int) -> List:
    found = List.objects.select_for_update(no_key=True).filter(pk=list_id, workspace_id=workspace_id).first()
    if found is None:
        raise NotFound("This workspace has no such list.")
    return found


def _open(list_id: int, workspace_id: int) -> List:
    found = _locked(list_id, workspace_id)
    if found.archived_at is not None:
        raise Conflict(f"List {list_id} is archived and can't be changed. Make a new one.")
    return found


def _refuse_wrong(name: str, description: str) -> None:
    errors = []
    if not name.strip():
        errors.append(FieldError("name", "required", "A list has a name."))
    for field, text, limit in (("name", name, NAME_LENGTH), ("description", description, DESCRIPTION_LENGTH)):
        if len(text.strip()) > limit:
            message = f"A list's {field} has at most {limit} characters; this has {len(text.strip())}."
            errors.append(FieldError(field, "too_long", message, text[:200], limit, "Shorten it."))
    if errors:
        raise Invalid(errors)


def _record(found: List, actor: Actor, action: str, **details: object) -> None:
    audit.record(
        workspace_id=found.workspace_id,
        actor=actor,
        action=action,
        object_type="list",
        object_id=found.pk,
        object_name=found.name,
        details=details,
    )
