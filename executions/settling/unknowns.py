"""Settling `unknown` by hand: somebody has looked it up at the provider, and says sent or failed.

From `unknown` only, with the counts in the same transaction, audited. Beside this only a worker that wakes after it was
given up (`woken`) changes the ledger.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Literal

from common.authorship import Actor
from common.errors import FieldError, Invalid
from executions.caps.giving_back import give_back_unused
from executions.locks import lock_execution
from executions.models import Execution
from executions.settling.counts import move_counts
from executions.states import FailReason, Outcome
from workspaces.audit import record

MOST_IDS = 10_000
MOST_ERRORS = 100
NOTE_LENGTH = 500
OUTCOMES = (Outcome.SENT.label, Outcome.FAILED.label)
NOTHING_SETTLED = "Nothing was settled."
Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Settled:
    """`unchanged` had that outcome already; `left` are still unknown."""

    settled: int
    unchanged: int
    left: int


@transaction.atomic
def settle_unknown(
    *,
    execution_id: int,
    workspace_id: int,
    outcome: Outcome,
    delivery_ids: Sequence[str] | None,
    note: str,
    actor: Actor,
) -> Settled:
    """`delivery_ids` None: all that are unknown. Raises NotFound, and Invalid for ids of which one can't be settled
    so: then none is."""
    execution = lock_execution(execution_id=execution_id, workspace_id=workspace_id)
    keys = None if delivery_ids is None else _read_keys(execution, delivery_ids)
    contacts = _settle(execution, outcome, keys, _words(outcome, note, actor))
    unchanged = 0 if keys is None else _refuse_others(execution, outcome, keys, settled=len(contacts))
    if contacts:
        _count(execution, outcome, len(contacts))
        if outcome is Outcome.FAILED:
            _give_back(execution, set(contacts))
        _audit(execution, outcome, len(contacts), note, actor)
    return Settled(len(contacts), unchanged, count_unknown(execution))


def count_unknown(execution: Execution) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(unknown), 0) FROM executions_batch WHERE execution_id = %s", [execution.pk])
        return int(cursor.fetchone()[0])


def _words(outcome: Outcome, note: str, actor: Actor) -> str:
    said = f"Settled by hand as {outcome.label} by {actor.name}."
    return f"{said} {note}" if note else said


def _read_keys(execution: Execution, delivery_ids: Sequence[str]) -> dict[Key, int]:
    """Each with its first place. An id of another execution is not found here, as one that nobody has."""
    keys: dict[Key, int] = {}
    errors: list[FieldError] = []
    for place, text in enumerate(delivery_ids):
        key = _read_key(execution.pk, text)
        if key is None:
            errors.append(_not_found(place, text))
        else:
            keys.setdefault(key, place)
    _refuse(errors)
    return keys


def _read_key(execution_id: int, text: str) -> Key | None:
    parts = text.split("-")
    if len(parts) != 3 or len(text) > 60 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    owner, contact, address = map(int, parts)
    return (contact, address) if owner == execution_id and max(contact, address) < 2**63 else None


def _settle(execution: Execution, outcome: Outcome, keys: Collection[Key] | None, words: str) -> list[int]:
    """The contacts of the rows that were unknown until now."""
    reason = FailReason.SETTLED.value if outcome is Outcome.FAILED else None
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            UPDATE executions_delivery d SET outcome = {outcome}, reason = {reason}, detail = {words},
                recorded_at = clock_timestamp()
            {named} launched_on = {launched_on} AND execution_id = {execution} AND outcome = {unknown}
            RETURNING d.contact_id
            """).format(
                outcome=Literal(outcome.value),
                reason=Literal(reason),
                words=Literal(words),
                named=SQL("WHERE") if keys is None else SQL("FROM {} WHERE {} AND").format(_table(keys), _MATCHES),
                launched_on=Literal(execution.launched_on),
                execution=Literal(execution.pk),
                unknown=Literal(Outcome.UNKNOWN.value),
            )
        )
        return [row[0] for row in cursor.fetchall()]


_MATCHES = SQL("d.contact_id = k.contact_id AND d.address_id = k.address_id")


def _table(keys: Collection[Key]) -> Composable:
    contacts, addresses = [key[0] for key in keys], [key[1] for key in keys]
    return SQL("unnest({}::bigint[], {}::bigint[]) k (contact_id, address_id)").format(
        Literal(contacts), Literal(addresses)
    )


def _refuse_others(execution: Execution, outcome: Outcome, keys: Mapping[Key, int], *, settled: int) -> int:
    """How many had the outcome before. Raises Invalid for those that have another, or no row."""
    if settled == len(keys):
        return 0
    found = _outcomes(execution, keys)
    _refuse(
        [
            _not_found(place, _id(execution, key)) if key not in found else _not_unknown(place, execution, key, known)
            for key, place in keys.items()
            if (known := found.get(key)) != outcome
        ]
    )
    return len(keys) - settled


def _outcomes(execution: Execution, keys: Collection[Key]) -> dict[Key, Outcome]:
    with connection.cursor() as cursor:
        cursor.execute(
            SQL(
                "SELECT d.contact_id, d.address_id, d.outcome FROM executions_delivery d JOIN {} ON {}"
                " WHERE d.launched_on = {} AND d.execution_id = {}"
            ).format(_table(keys), _MATCHES, Literal(execution.launched_on), Literal(execution.pk))
        )
        return {(contact, address): Outcome(outcome) for contact, address, outcome in cursor.fetchall()}


def _id(execution: Execution, key: Key) -> str:
    return f"{execution.pk}-{key[0]}-{key[1]}"


def _not_found(place: int, text: str) -> FieldError:
    message = "This execution has no such delivery."
    hint = "List them with GET /api/v1/executions/{id}/deliveries?outcome=unknown."
    return FieldError(f"delivery_ids[{place}]", "not_found", message, text[:60], hint=hint)


def _not_unknown(place: int, execution: Execution, key: Key, outcome: Outcome | None) -> FieldError:
    message = f"This delivery is {outcome.label if outcome else 'gone'}; only an unknown one is settled."
    return FieldError(f"delivery_ids[{place}]", "not_unknown", message, _id(execution, key))


def _refuse(errors: list[FieldError]) -> None:
    if not errors:
        return
    more = f" {len(errors) - MOST_ERRORS:,} more errors are not listed." if len(errors) > MOST_ERRORS else ""
    raise Invalid(errors[:MOST_ERRORS], detail=NOTHING_SETTLED + more)


def _count(execution: Execution, outcome: Outcome, number: int) -> None:
    reasons = {outcome.label: {FailReason.SETTLED.value: number}} if outcome is Outcome.FAILED else {}
    move_counts(execution, {outcome.label: number, Outcome.UNKNOWN.label: -number}, reasons)


def _give_back(execution: Execution, contacts: set[int]) -> None:
    give_back_unused(
        workspace_id=execution.workspace_id,
        execution_id=execution.pk,
        launched_on=execution.launched_on,
        contacts=contacts,
    )


def _audit(execution: Execution, outcome: Outcome, number: int, note: str, actor: Actor) -> None:
    record(
        workspace_id=execution.workspace_id,
        actor=actor,
        action="settled",
        object_type="execution",
        object_id=execution.pk,
        object_name=execution.campaign_name,
        details={"outcome": outcome.label, "deliveries": number, "note": note},
    )
