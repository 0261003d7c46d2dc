"""What an author should know about a draft: errors that forbid publishing, warnings, and the variables it uses.

Nothing here writes. Whatever parses or renders a draft runs in a child process with limits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.channels import Type
from common.errors import FieldError
from templates_registry import liquid
from templates_registry.liquid.child import PartSource, preview_in_child
from templates_registry.liquid.problems import Problem
from templates_registry.parts import PARTS, assemble, sources

_UNSUBSCRIBE_HINT = 'Add <a href="{{ unsubscribe_url }}">Unsubscribe</a> outside of any condition.'


@dataclass(frozen=True, slots=True)
class VariableUse:
    """A variable of the whole template; `places` are words such as `html line 3`."""

    name: str
    required: bool
    places: tuple[str, ...]

    def as_wire(self) -> dict[str, Any]:
        return {"name": self.name, "required": self.required, "places": list(self.places)}


@dataclass(frozen=True, slots=True)
class Review:
    """`content` is None where an error kept it from being rendered; `missing` names what has no value."""

    problems: list[Problem]
    content: dict[str, Any] | None
    missing: list[str]
    variables: list[VariableUse]

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.level == "error"]


def review(*, type: Type | str, purpose: str, content: Mapping[str, str], fields: Mapping[str, Any]) -> Review:
    """Checks every part and renders it once for `fields`, blanks included."""
    problems = _required_problems(type, content)
    try:
        parts = [PartSource(item.part, item.source, item.escape) for item in sources(type, content)]
    except ValueError as error:
        hint = 'For example {"sku": "{{ sku }}"}.'
        return Review([*problems, Problem("data", None, None, "invalid_json", str(error), hint)], None, [], [])
    seen = preview_in_child(parts, fields)
    problems += seen.problems
    if not seen.errors:
        problems += _link_problems(type, purpose, content)
    rendered = None if seen.errors else assemble(seen.rendered)
    return Review(problems, rendered, seen.missing, _together(seen.variables))


def _together(by_part: Mapping[str, Sequence[liquid.Variable]]) -> list[VariableUse]:
    """The variables of all parts, in the order of first use."""
    found: dict[str, VariableUse] = {}
    for part, mentions in by_part.items():
        for variable in mentions:
            places = tuple(f"{part} line {line}" for line in variable.lines)
            known = found.get(variable.name, VariableUse(variable.name, False, ()))
            required = known.required or variable.required
            found[variable.name] = VariableUse(variable.name, required, known.places + places)
    return list(found.values())


def as_field_error(problem: Problem) -> FieldError:
    where = f"Line {problem.line}: " if problem.line else ""
    return FieldError(f"content.{problem.part}", problem.code, f"{where}{problem.message}", hint=problem.hint)


def _required_problems(type: Type | str, content: Mapping[str, str]) -> list[Problem]:
    return [
        Problem(rule.name, None, None, "required", f"{rule.label} is empty.", "Write it before publishing.")
        for rule in PARTS[Type(type)]
        if rule.required and not (content.get(rule.name) or "").strip()
    ]


def _link_problems(type: Type | str, purpose: str, content: Mapping[str, str]) -> list[Problem]:
    html = content.get("html") or ""
    if type != Type.EMAIL or purpose != "marketing" or not html.strip() or liquid.has_unsubscribe_link(html):
        return []
    message = "A marketing email needs an unsubscribe link that every recipient gets."
    return [Problem("html", None, None, "no_unsubscribe_link", message, _UNSUBSCRIBE_HINT)]
