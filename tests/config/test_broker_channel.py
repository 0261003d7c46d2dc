"""A worker's main process outlives its connection to the broker; see `config.broker_channel`."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from kombu import Connection, Queue
from kombu.transport.redis import Channel

from config import broker_channel
from config.celery import app

QUEUE = "volley.test-broker-channel"


@pytest.fixture
def channel() -> Iterator[Channel]:
    """With a message that is taken and not acknowledged."""
    with Connection(settings.REDIS_URL) as connection:
        queue = Queue(QUEUE)(connection.channel())
        queue.declare()
        queue.purge()
        connection.SimpleQueue(QUEUE).put("hint")
        assert isinstance(queue.channel, Channel)
        yield queue.channel
    with Connection(settings.REDIS_URL) as connection:
        Queue(QUEUE)(connection.channel()).delete()


def take(channel: Channel) -> str:
    message = channel.basic_get(QUEUE)
    assert message is not None
    return str(message.delivery_tag)


def test_the_application_uses_it() -> None:
    assert app.main == "volley"
    assert Channel.QoS is broker_channel.ForgetfulQoS


def test_a_channel_closes_after_its_connection_was_forgotten(channel: Channel) -> None:
    take(channel)
    channel.connection.client = None  # what `Connection.collect` does to the transport
    channel.close()
    assert channel.closed


def test_a_late_acknowledgement_is_let_go(channel: Channel) -> None:
    tag = take(channel)
    channel.connection.client = None
    channel.basic_ack(tag)
    channel.basic_reject(tag)
    channel.close()
    assert channel.closed


def test_what_was_taken_goes_back_while_the_connection_is_there(channel: Channel) -> None:
    take(channel)
    channel.close()
    with Connection(settings.REDIS_URL) as connection:
        again = connection.channel()
        assert isinstance(again, Channel)
        take(again)
