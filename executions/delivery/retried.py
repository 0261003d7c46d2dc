"""Whom a retry is for: the recipients whose last word, in the executions that it retries, is one of those asked for.

A retry of a retry has the whole chain before it: somebody may have settled a row of the first one meanwhile, or
cancelled a retry before it came to everyone.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from psycopg.sql import SQL, Composable, Literal

from executions.models import Execution
from executions.states import Outcome, SkipReason

RETRY = "retry"


class Link(NamedTuple):
    """One execution of the chain."""

    launched_on: date
    execution_id: int


class Retried(NamedTuple):
    """`chain` is what is retried, the first launch first; `outcomes` are those of the ledger that are tried again."""

    chain: tuple[Link, ...]
    outcomes: tuple[int, ...]

    def recipients(self, *, where: Composable) -> Composable:
        """`SELECT contact_id, address_id`, each recipient once; `where` is a condition on `d`, a row of the ledger."""
        parts = [self._of(place, where) for place in range(len(self.chain))]
        return SQL("({})").format(SQL(" UNION ALL ").join(parts))

    def condition(self, alias: Composable) -> Composable:
        """Whether a contact has a recipient here."""
        where = SQL("d.contact_id = {}.id").format(alias)
        return SQL("EXISTS (SELECT FROM {} f)").format(self.recipients(where=where))

    def _of(self, place: int, where: Composable) -> Composable:
        launched_on, execution_id = self.chain[place]
        later = self.chain[place + 1 :]
        return SQL("""
            SELECT d.contact_id, d.address_id FROM executions_delivery d
            WHERE d.launched_on = {launched_on} AND d.execution_id = {execution} AND d.outcome = ANY ({outcomes})
                AND {where}{unanswered}
        """).format(
            launched_on=Literal(launched_on),
            execution=Literal(execution_id),
            outcomes=Literal(list(self.outcomes)),
            where=where,
            unanswered=SQL("").join(map(_unanswered, later)),
        )


def _unanswered(link: Link) -> Composable:
    """A later execution has no word on the recipient, or was cancelled before it came to it."""
    return SQL("""
        AND NOT EXISTS (SELECT FROM executions_delivery n
            WHERE n.launched_on = {launched_on} AND n.execution_id = {execution} AND n.contact_id = d.contact_id
            AND n.address_id = d.address_id AND n.reason IS DISTINCT FROM {cancelled})
    """).format(
        launched_on=Literal(link.launched_on),
        execution=Literal(link.execution_id),
        cancelled=Literal(SkipReason.CANCELLED.value),
    )


def retried_before(execution: Execution) -> Retried | None:
    """What an execution that was launched as a retry retries; None for any other."""
    if execution.audience.get("type") != RETRY or execution.retry_of_id is None:
        return None
    return failed_of(execution.retry_of_id, execution.audience["include"])


def failed_of(execution_id: int, include: Sequence[str]) -> Retried:
    """What a retry of this execution would be for. `include`: outcomes in words."""
    chain = [Link(*row) for row in _chain(execution_id)]
    return Retried(tuple(reversed(chain)), tuple(Outcome[word.upper()].value for word in include))


def _chain(execution_id: int | None) -> Iterator[tuple[date, int]]:
    """From the execution back to the first launch."""
    while execution_id is not None:
        launched_on, before = Execution.objects.values_list("launched_on", "retry_of_id").get(pk=execution_id)
        yield launched_on, execution_id
        execution_id = before
