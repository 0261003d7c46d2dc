"""What an execution says, compiled once, rendered once per recipient."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from common.channels import Type
from templates_registry.liquid import RESERVED_NAMES, Part, Precedence, RenderError, compile_part
from templates_registry.liquid.part import Newline
from templates_registry.parts import Source, assemble, sources

_NOTHING: Mapping[str, object] = {}
_NO_BODY = None, True


class Version(Protocol):
    @property
    def content(self) -> Any: ...

    @property
    def defaults(self) -> Any: ...


class ExecutionLike(Protocol):
    """An Execution, or what would become one: previews, test sends and dry runs have none."""

    @property
    def type(self) -> str: ...

    @property
    def template_version(self) -> Version: ...

    @property
    def campaign_name(self) -> str: ...

    @property
    def tags(self) -> Sequence[str]: ...

    @property
    def campaign_personalization(self) -> Any: ...

    @property
    def personalization(self) -> Any: ...

    @property
    def event(self) -> Any: ...


class EmailBody(NamedTuple):
    """`even`: it is certain that no line of a body begins with a dot, and that no NUL is there."""

    subject: str
    html: bytes | None
    text: bytes | None
    even: bool


class _Piece(NamedTuple):
    name: str
    part: Part
    single_line: bool


class Content:
    """`fields` are the names looked up; `attribute_names` those of them that a contact's attribute may give."""

    __slots__ = ("_email", "_levels", "_pieces", "attribute_names", "fields", "type")

    def __init__(self, type: str, pieces: Sequence[_Piece], levels: Precedence) -> None:
        self.type = type
        self._pieces = tuple(pieces)
        self._levels = levels
        named = {piece.name: piece for piece in pieces}
        self._email = named.get("subject"), named.get("html"), named.get("text")
        self.fields: frozenset[str] = frozenset().union(*(piece.part.fields for piece in pieces))
        self.attribute_names: tuple[str, ...] = tuple(sorted(self.fields - RESERVED_NAMES))

    def render(
        self,
        attributes: Mapping[str, object],
        recipient: Mapping[str, object] = _NOTHING,
        reserved: Mapping[str, object] = _NOTHING,
    ) -> dict[str, Any]:
        """The parts as text, a push's `data` as an object. Raises MissingVariable and TemplateError."""
        values = self._levels.fields(attributes, recipient, reserved)
        return assemble({piece.name: _text(piece, values, anew=not at) for at, piece in enumerate(self._pieces)})

    def render_email(
        self,
        attributes: Mapping[str, object],
        recipient: Mapping[str, object] = _NOTHING,
        reserved: Mapping[str, object] = _NOTHING,
    ) -> EmailBody:
        """An email's parts, bodies as UTF-8 with CRLF, and as insides of JSON strings where it was compiled so. Raises
        as `render`."""
        values = self._levels.fields(attributes, recipient, reserved)
        subject, html, text = self._email
        html_body, html_even = html.part.render_body(values) if html else _NO_BODY
        text_body, text_even = text.part.render_body(values) if text else _NO_BODY
        said = _text(subject, values) if subject else ""
        # As everywhere on a message's way: EmailBody(…) goes through Python, and costs twice as much.
        return tuple.__new__(EmailBody, (said, html_body, text_body, html_even and text_even))


def _text(piece: _Piece, values: Mapping[str, object], *, anew: bool = True) -> str:
    text = piece.part.render_text(values, anew=anew)
    return " ".join(text.split()) if piece.single_line and not text.isprintable() else text


def compile_content(execution: ExecutionLike, *, strict: bool = True, json: bool = False) -> Content:
    """Without `strict`, a variable that nobody gives shows as nothing; with `json`, bodies of emails are made to be put
    into JSON strings. Raises RenderError for what isn't Liquid."""
    version = execution.template_version
    try:
        found = list(sources(execution.type, version.content))
    except ValueError as error:
        raise RenderError(str(error)) from error
    levels = Precedence(
        defaults=version.defaults,
        campaign=execution.campaign_personalization,
        execution=execution.personalization,
        reserved={
            "campaign": {"name": execution.campaign_name, "tags": list(execution.tags)},
            "event": event_field(execution.event) if execution.event else {},
        },
    )
    return Content(
        execution.type, [_piece(execution.type, source, strict=strict, json=json) for source in found], levels
    )


def _piece(type: str, source: Source, *, strict: bool, json: bool) -> _Piece:
    body_of_email = type == Type.EMAIL and not source.single_line
    newline: Newline = "\r\n" if body_of_email else "\n"
    json = json and body_of_email
    part = compile_part(source.source, escape=source.escape, newline=newline, strict=strict, json=json)
    return _Piece(source.part, part, source.single_line)


def contact_field(
    *, external_id: str | None, locale: str, timezone: str, attributes: Mapping[str, Any]
) -> dict[str, Any]:
    """The reserved variable `contact`."""
    return {**attributes, "external_id": external_id, "locale": locale, "timezone": timezone, "attributes": attributes}


def event_field(event: Mapping[str, Any]) -> dict[str, Any]:
    """The reserved variable `event`: its properties by name, `name` and `at`; `properties` has those of that name too.

    `event` has name, at and properties, as `RecipientData` and `Execution` keep it.
    """
    properties = event["properties"]
    return {**properties, "name": event["name"], "at": event["at"], "properties": properties}
