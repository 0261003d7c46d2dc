"""What outlasts a task in a worker process: its event loop, its database connection, its provider connections."""

import os
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Coroutine, Mapping
from typing import Any

import uvloop
from django.db import connection as django_connection
from psycopg import AsyncConnection, OperationalError

from executions.delivery.clocks import clocks_now
from executions.delivery.journal import Journal
from executions.delivery.prepared import Prepared, on_unknown_of, prepare
from executions.delivery.rates import Rates
from executions.delivery.rounds import Round
from providers.contract import Adapter, ProviderSettings
from providers.registry import open_adapter

PREPARED_AT_ONCE = 32
ADAPTERS_AT_ONCE = 16
CONNECT_SECONDS = 5


class Runtime:
    """One per process and thread; made after the fork, as neither loop nor connection survives one.

    `rounds`: by provider.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.rounds: defaultdict[int, Round] = defaultdict(Round)
        self._loop = uvloop.new_event_loop()
        self._conninfo = connection_parameters()
        self._connection: AsyncConnection | None = None
        self._journal: Journal | None = None
        self._rates: Rates | None = None
        self._prepared: OrderedDict[int, Prepared] = OrderedDict()
        self._adapters: OrderedDict[tuple[int, str], tuple[ProviderSettings, Adapter]] = OrderedDict()

    def run[Answer](self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return self._loop.run_until_complete(work)

    async def connection(self) -> AsyncConnection:
        """In autocommit mode; made anew where the last one broke. No prepared statements: PgBouncer must work."""
        if self._connection is None or self._connection.broken or self._connection.closed:
            self._connection = await AsyncConnection.connect(**self._conninfo, autocommit=True, prepare_threshold=None)
        return self._connection

    async def drop_connection(self) -> None:
        """After trouble on it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close()
            except OperationalError:
                return

    @property
    def rates(self) -> Rates:
        if self._rates is None:
            self._rates = Rates()
        return self._rates

    def journal(self) -> Journal:
        """All bytes untouched."""
        if self._journal is None:
            self._journal = Journal()
        else:
            self._journal.clear()
        return self._journal

    def abandon_journal(self, words: str = "") -> None:
        """The batch was not left in order: whoever recovers it needs the file, and may show `words`."""
        if self._journal is not None:
            self._journal.abandon(words)
            self._journal = None

    def part_with_journal(self, journal: Journal) -> None:
        """The next batch gets another; whoever keeps this one abandons it."""
        if self._journal is journal:
            self._journal = None

    def prepared(self, execution_id: int) -> Prepared:
        """An execution never changes what it says. Raises as `prepare`."""
        found = self._prepared.get(execution_id) or prepare(execution_id)
        self._prepared[execution_id] = found
        self._prepared.move_to_end(execution_id)
        if len(self._prepared) > PREPARED_AT_ONCE:
            self._prepared.popitem(last=False)
        return found

    def prepared_now(self, execution_id: int) -> Prepared:
        """With what may change: its provider's settings, the workspace's quiet hours. Raises as `prepare`."""
        found = self.prepared(execution_id)
        found.on_unknown = on_unknown_of(execution_id)
        found.clocks = clocks_now(found.execution, before=found.clocks)
        if found.cancelling is not None:
            found.cancelling.renew()
        return found

    async def adapter(self, provider_id: int, settings: ProviderSettings) -> Adapter:
        """Pooled by provider and type, until its settings change. Raises ConfigError."""
        key = provider_id, settings.type
        known = self._adapters.get(key)
        if known is not None and known[0] == settings:
            self._adapters.move_to_end(key)
            return known[1]
        if known is not None:
            await known[1].close()
            del self._adapters[key]
        adapter = open_adapter(settings)
        self._adapters[key] = (settings, adapter)
        if len(self._adapters) > ADAPTERS_AT_ONCE:
            _, (_, oldest) = self._adapters.popitem(last=False)
            await oldest.close()
        return adapter

    def close(self) -> None:
        self.run(self._close())
        self._loop.close()

    async def _close(self) -> None:
        for _, adapter in self._adapters.values():
            await adapter.close()
        await self.drop_connection()
        if self._rates is not None:
            await self._rates.close()
        if self._journal is not None:
            self._journal.remove()


_local = threading.local()


def runtime() -> Runtime:
    """This process's and thread's own."""
    found: Runtime | None = getattr(_local, "runtime", None)
    if found is None or found.pid != os.getpid():
        found = _local.runtime = Runtime()
    return found


def close_runtime() -> None:
    found: Runtime | None = getattr(_local, "runtime", None)
    if found is not None and found.pid == os.getpid():
        found.close()
        del _local.runtime


def connection_parameters() -> Mapping[str, Any]:
    """The database that Django uses."""
    parameters = django_connection.get_connection_params()
    unwanted = ("autocommit", "context", "cursor_factory", "prepare_threshold")
    return {"connect_timeout": CONNECT_SECONDS} | {
        name: value for name, value in parameters.items() if name not in unwanted
    }
