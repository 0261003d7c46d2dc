"""What the embedded stack says when it cannot go on."""


class Refusal(Exception):
    """The message says what is wrong, where, and how to put it right."""


class StopRequested(BaseException):
    """Ctrl-C or SIGTERM arrived: stop everything and leave."""
