"""What python-liquid itself makes of a template: the other side of every comparison."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from liquid import Environment

from templates_registry.liquid import RenderError
from templates_registry.liquid.part import Escape

_ENVIRONMENTS = {"html": Environment(autoescape=True), "text": Environment(autoescape=False)}


@dataclass(frozen=True)
class Outcome:
    """Text, or the class of the error raised instead."""

    text: str | None = None
    error: type[BaseException] | None = None


def reference(source: str, fields: Mapping[str, object], escape: Escape) -> Outcome:
    """Rendered by python-liquid without anything of ours."""
    return outcome(lambda: _ENVIRONMENTS[escape].from_string(source).render(**fields))


def outcome(render: Callable[[], str]) -> Outcome:
    """What `render` gives, with the cause of a RenderError in its place."""
    try:
        return Outcome(render())
    except RenderError as error:
        return Outcome(error=type(error.__cause__ or error))
    except Exception as error:
        return Outcome(error=type(error))
