"""Transactions that begin anew when PostgreSQL chose them to end a deadlock."""

from collections.abc import Callable
from functools import wraps

from django.db import OperationalError, transaction
from psycopg import errors

_TRIES = 4


def retried[**P, R](call: Callable[P, R]) -> Callable[P, R]:
    """In a transaction of its own, or a savepoint of the caller's; up to four times."""

    @wraps(call)
    def again(*args: P.args, **kwargs: P.kwargs) -> R:
        for left in reversed(range(_TRIES)):
            try:
                with transaction.atomic():
                    return call(*args, **kwargs)
            except OperationalError as error:
                victim = isinstance(error.__cause__, errors.DeadlockDetected | errors.SerializationFailure)
                if not left or not victim:
                    raise
        raise AssertionError("unreachable")

    return again
