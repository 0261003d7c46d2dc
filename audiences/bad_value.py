"""A value that a contact can't have, and how it is shown in a message."""

SHOWN_LENGTH = 60


class BadValue(ValueError):
    """Wrong value of one field: `code` for programs, `message` for people. `field` is relative to its row."""

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


def shown(value: object) -> str:
    """The value as a message quotes it: in double quotes, shortened, without control characters."""
    text = str(value)
    if len(text) > SHOWN_LENGTH:
        text = text[: SHOWN_LENGTH - 1] + "…"
    return '"' + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text) + '"'


def clean_text(value: object, *, name: str, limit: int) -> str:
    """A string that PostgreSQL can keep, of at most `limit` characters; BadValue for anything else."""
    if not isinstance(value, str):
        raise BadValue("wrong_type", f"{name} must be a string.")
    if len(value) > limit:
        raise BadValue("too_long", f"{name} has at most {limit} characters; this has {len(value)}.")
    if "\0" in value:
        raise BadValue("nul", f"{name} contains a NUL character.")
    if not value.isascii():
        check_unicode(value, name=name)
    return value


def check_unicode(value: str, *, name: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadValue("invalid_text", f"{name} contains half of a surrogate pair, which is no character.") from None
