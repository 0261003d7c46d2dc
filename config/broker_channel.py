"""Kombu's Redis channel, able to lose its connection.

Celery 5.7 tells a lost connection's transport to let go of the connection, and closes its channel after that. The
channel then wants to put back what was not acknowledged, and tasks that end later want to acknowledge, over a
connection that it no longer knows: the AttributeError leaves a main process that neither works nor ends.
"""

from typing import Any

from kombu.transport import redis, virtual


class ForgetfulQoS(redis.QoS):
    """Does nothing over a connection that is gone: messages are hints, and Redis restores them after a while."""

    @property
    def _gone(self) -> bool:
        connection = self.channel.connection
        return connection is None or connection.client is None

    def restore_unacked(self, client: Any = None) -> None:
        if not self._gone:
            super().restore_unacked(client)
        elif self._delivered is not None:
            self._delivered.clear()

    def ack(self, delivery_tag: str) -> None:
        if self._gone:
            virtual.QoS.ack(self, delivery_tag)
        else:
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if self._gone:
            virtual.QoS.ack(self, delivery_tag)
        else:
            super().reject(delivery_tag, requeue)


def mend() -> None:
    redis.Channel.QoS = ForgetfulQoS
