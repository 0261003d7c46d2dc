"""python-liquid as this project uses it: no loader, no partials, plain data, bounds, and the missing-variable rule."""

from collections.abc import Mapping
from functools import cache
from io import StringIO
from typing import TextIO

from liquid import BoundTemplate, Environment, Node, RenderContext
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.token import Token

from templates_registry.liquid.bounded import bound_expression, written
from templates_registry.liquid.filters import bound_filters
from templates_registry.liquid.lexing import refuse_slow_source
from templates_registry.liquid.limits import (
    LARGE,
    MAX_ITERATIONS,
    MAX_OUTPUT_BYTES,
    MissingVariable,
    OutputTooLarge,
    RenderError,
    charge,
    check_iterations,
    check_length,
)

MAX_SHOWN_NAME = 200
"""Characters of a missing variable's name, which the ledger repeats for each who lacks it."""
REFUSED_TAGS = ("include", "render")


class Buffer(StringIO):
    """Text rendered so far, with its line ends and its size held as it grows."""

    def __init__(self, newline: str = "\n", size: int = 0) -> None:
        super().__init__(newline="")
        self.line_end = newline
        self.size = size

    def write(self, text: str, /) -> int:
        """Append `text`. Raises OutputTooLarge."""
        if len(text) > LARGE:
            charge(len(text))
        if self.line_end != "\n":
            text = with_line_ends(text, self.line_end)
        self.size += len(text) if text.isascii() else len(text.encode())
        if self.size > MAX_OUTPUT_BYTES:
            raise OutputTooLarge
        return super().write(text)


def with_line_ends(text: str, newline: str) -> str:
    """`text` with each CRLF, CR and LF as `newline`."""
    if "\r" in text:
        text = str(text).replace("\r\n", "\n").replace("\r", "\n")
    return str(text).replace("\n", newline) if "\n" in text else text


class BoundedContext(RenderContext):
    """A render's state, with the count of its loop turns."""

    __slots__ = ("iterations", "strict")

    strict: bool
    iterations: int

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count `length` loop turns. Raises LimitExceeded."""
        self.iterations += length
        if self.iterations > MAX_ITERATIONS:
            check_iterations(self.iterations)

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """A buffer for a capture, whose size counts with what is rendered already."""
        return Buffer(size=buf.size if isinstance(buf, Buffer) else 0)

    def assign(self, key: str, val: object) -> None:
        """Bind a local name."""
        if isinstance(val, str):
            check_length(len(val))
        super().assign(key, val)


class CheckedOutputNode(OutputNode):
    """`{{ … }}`, which raises MissingVariable in strict rendering where it has nothing to show."""

    __slots__ = ("required",)

    def __init__(self, token: Token, expression: Expression) -> None:
        super().__init__(token, expression)
        self.required = required_name(expression)

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value, escaped where the environment escapes."""
        value = self.expression.evaluate(context)
        text = written(value, context.autoescape)
        if self.required is not None and context.strict and is_blank(value, text):  # type: ignore[attr-defined]
            raise MissingVariable(self.required)
        return buffer.write(text)


class CheckedEchoNode(CheckedOutputNode, EchoNode):
    """`{% echo … %}`, the same as an output."""

    __slots__ = ()


class CheckedOutput(Output):
    """Makes checked nodes."""

    node_class = CheckedOutputNode


class CheckedEcho(EchoTag):
    """Makes checked nodes."""

    node_class = CheckedEchoNode


def is_blank(value: object, text: str) -> bool:
    """Whether an output has nothing to show; false and 0 do show."""
    return not text or text.isspace() or value == {}


def required_name(expression: Expression) -> str | None:
    """The variable that must not be blank for this output; None where it has a default or no variable at all."""
    filters = (expression.filters if isinstance(expression, FilteredExpression) else None) or []
    if any(item.name == "default" for item in filters):
        return None
    path = _first_path(expression)
    return str(path)[:MAX_SHOWN_NAME] if path is not None else None


def _first_path(expression: Expression) -> Path | None:
    if isinstance(expression, Path):
        return expression
    return next((path for child in expression.children() if (path := _first_path(child)) is not None), None)


class Template(BoundTemplate):
    """A parsed template that renders within bounds."""

    context_class = BoundedContext

    def render_fields(self, fields: Mapping[str, object], *, strict: bool, newline: str) -> str:
        """The text for `fields`. Raises MissingVariable (strict), LimitExceeded and python-liquid's errors."""
        context = BoundedContext(self, globals=fields)
        context.strict = strict
        context.iterations = 0
        buffer = Buffer(newline)
        self.render_with_context(context, buffer)
        return buffer.getvalue()


class BoundedEnvironment(Environment):
    """Two of these serve everything: one escapes for HTML, the other doesn't."""

    template_class = Template

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """The standard tags and filters, less those that load other templates."""
        super().setup_tags_and_filters(extra=False)
        for name in REFUSED_TAGS:
            del self.tags[name]
        self.add_tag(CheckedOutput)
        self.add_tag(CheckedEcho)
        bound_filters(self)

    def error(self, exc: type[LiquidError] | LiquidError, msg: str | None = None, token: Token | None = None) -> None:
        """Raise `exc`, placed at the tag it is in where it is about the end of an expression."""
        if isinstance(exc, LiquidError) and exc.token is not None and exc.token.start_index < 0 and token:
            exc.token = token
        super().error(exc, msg, token)


@cache
def environment(*, autoescape: bool) -> BoundedEnvironment:
    """The environment that escapes output for HTML, or the one that doesn't."""
    return BoundedEnvironment(autoescape=autoescape)


def parse(source: str, *, autoescape: bool) -> Template:
    """The syntax tree of `source`. Raises RenderError where it isn't Liquid; its cause is python-liquid's error."""
    refuse_slow_source(source)
    try:
        template = environment(autoescape=autoescape).from_string(source)
    except LiquidError as error:
        raise RenderError(str(error.message), error_line(error)) from error
    except RecursionError as error:
        raise RenderError("The template is nested too deeply.") from error
    if not isinstance(template, Template):
        raise TypeError(template)
    for node in template.nodes:
        _bound(node)
    return template


def children(node: Node) -> list[Node]:
    """The nodes inside `node`; none of our tags loads another template, so no context is asked for them."""
    return list(node.children(None, include_partials=False))  # type: ignore[arg-type]


def _bound(node: Node) -> None:
    for expression in node.expressions():
        bound_expression(expression)
    for child in children(node):
        _bound(child)


def error_line(error: LiquidError) -> int | None:
    """The line of the source that a LiquidError is about, from 1."""
    token = error.token
    if token is None or token.start_index < 0:
        return None
    return token.source.count("\n", 0, token.start_index) + 1
