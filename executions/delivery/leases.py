"""How long a worker may be silent before its work is given to another. Time is PostgreSQL's."""

from psycopg.sql import SQL, Composed, Identifier, Literal

LEASE_SECONDS = 12
# A planner renews its lease with every step, and holds the plan's lock in each (`executions.delivery.steps`): so it is
# only the gaps between them that the lease has to last for. Its successor begins within 15 seconds, sweep and queue
# included.
PLAN_LEASE_SECONDS = 8
RENEW_SECONDS = 3.0
# Begins a transaction that holds locks: a host that vanishes in it, or a process that is stopped, would keep them
# until TCP gives up, which takes hours. (Not a setting of the session: PgBouncer.)
LET_GO_IF_SILENT = "SET LOCAL idle_in_transaction_session_timeout = '30s'"


def lease_end(seconds: int = LEASE_SECONDS) -> Composed:
    """The end of a lease taken or renewed now."""
    return SQL("clock_timestamp() + make_interval(secs => {})").format(Literal(seconds))


def expired(column: str) -> Composed:
    """A database that was just restarted is not a dead worker: its leases start anew."""
    return SQL(
        "({column} < clock_timestamp()"
        " AND pg_postmaster_start_time() + make_interval(secs => {seconds}) < clock_timestamp())"
    ).format(column=Identifier(*column.split(".")), seconds=Literal(LEASE_SECONDS))
