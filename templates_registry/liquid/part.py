"""One part of a template (a subject, an HTML body, …), ready to be rendered once per recipient."""

from collections.abc import Mapping
from typing import Literal

from liquid.exceptions import LiquidError

from templates_registry.liquid.compiler import Render, compile_template
from templates_registry.liquid.environment import Template, error_line, parse, with_line_ends
from templates_registry.liquid.limits import (
    MAX_OUTPUT_BYTES,
    LimitExceeded,
    MissingVariable,
    OutputTooLarge,
    RenderError,
    mark_uneven,
    reset_work,
    was_uneven,
)
from templates_registry.liquid.lines import is_even
from templates_registry.liquid.runtime import inside_json
from templates_registry.liquid.variables import field_names

Escape = Literal["html", "text"]
Newline = Literal["\n", "\r\n"]


class Part:
    """A parsed part. `fields` are the top-level names it may look up; `compiled` says whether the splice serves it.

    What the compiler doesn't cover is rendered by python-liquid, with the same results and errors.
    """

    __slots__ = ("_even", "_json", "_newline", "_render", "_strict", "_template", "compiled", "fields")

    def __init__(
        self, template: Template, *, strict: bool, newline: Newline, render: Render | None, json: bool = False
    ) -> None:
        self.fields: frozenset[str] = field_names(template)
        self.compiled = render is not None
        self._template = template
        self._strict = strict
        self._newline = newline
        self._json = json
        self._render = render
        self._even = is_even(template.nodes)

    def render(self, fields: Mapping[str, object], *, anew: bool = True) -> bytes:
        """UTF-8 for one recipient. `fields` hold plain JSON values only.

        Without `anew`, what the part rendered before has cost counts with it: parts of one message share the limits.
        Raises MissingVariable (strict parts), LimitExceeded and its kind OutputTooLarge, and RenderError.
        """
        if anew:
            reset_work()
        if self._render is None:
            return self._interpret(fields)
        try:
            result = self._render(fields)
        except (MissingVariable, LimitExceeded):
            raise
        except Exception:
            # Whatever it was, python-liquid decides what it is and where.
            if anew:
                reset_work()
            return self._interpret(fields)
        if len(result) > MAX_OUTPUT_BYTES:
            raise OutputTooLarge
        return result

    def render_body(self, fields: Mapping[str, object]) -> tuple[bytes, bool]:
        """The same, and whether it is certain that no line begins with a dot and no NUL is there."""
        return self.render(fields), self._even and not was_uneven()

    def render_text(self, fields: Mapping[str, object], *, anew: bool = True) -> str:
        """The same as text, for a subject or a title. Raises as `render`."""
        return self.render(fields, anew=anew).decode()

    def _interpret(self, fields: Mapping[str, object]) -> bytes:
        mark_uneven()
        try:
            text = self._template.render_fields(fields, strict=self._strict, newline=self._newline).encode()
            return inside_json(text.decode()) if self._json else text
        except (MissingVariable, LimitExceeded):
            raise
        except LiquidError as error:
            raise RenderError(str(error.message), error_line(error)) from error
        except MemoryError as error:
            raise LimitExceeded("The template needs more memory than there is.") from error
        except RecursionError as error:
            raise RenderError("A value is nested too deeply.") from error
        except Exception as error:
            raise RenderError(f"{type(error).__name__}: {error}"[:500]) from error


def compile_part(
    source: str, *, escape: Escape, newline: Newline = "\n", strict: bool = True, json: bool = False
) -> Part:
    """Parse and compile `source`, once per execution.

    `escape="html"` escapes values as python-liquid's autoescape does. `newline` is how line ends are written, in
    literals and values; "\\n" leaves them as they are. With `strict` an output that has nothing to show raises
    MissingVariable; without, the bytes are python-liquid's own. With `json` they are what stands between the quotes of
    a JSON string that holds them. Raises RenderError where the source isn't Liquid.
    """
    if newline != "\n":
        # Here rather than literal by literal: the lexer cuts a CRLF at the end of the source in two.
        source = with_line_ends(source, "\n")
    template = parse(source, autoescape=escape == "html")
    render = compile_template(template, strict=strict, newline=newline, json=json)
    return Part(template, strict=strict, newline=newline, render=render, json=json)
