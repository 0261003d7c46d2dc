"""The variables that a template needs from outside."""

from collections.abc import Iterator
from dataclasses import dataclass

from liquid import Node
from liquid.builtin.expressions import Path
from liquid.expression import Expression

from common.personalization import RESERVED_NAMES
from templates_registry.liquid.environment import CheckedOutputNode, Template, children, parse

AMBIENT_NAMES = frozenset({"now", "today", "partial"})
"""Names that Liquid itself answers."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A name that a template looks up in its fields.

    `name` is the first part of the path (`order` of `order.total`), `paths` are all paths used, as written;
    `required` when some output of it has no default; `lines` of the source, from 1, where it is used.
    """

    name: str
    paths: tuple[str, ...]
    required: bool
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """One mention of a path, and whether an output needs it to be there."""

    path: Path
    required: bool
    local: bool
    """Bound by an assign or capture before this point."""

    @property
    def root(self) -> str | None:
        """The name looked up; None where it is computed."""
        root = self.path.path[0]
        return root if isinstance(root, str) else None

    @property
    def line(self) -> int:
        """The line of the source, from 1."""
        return self.path.token.source.count("\n", 0, self.path.token.start_index) + 1


def uses(template: Template) -> Iterator[Use]:
    """Every path in the order of the source, loop variables left out."""
    assigned: set[str] = set()
    for node in template.nodes:
        yield from _node_uses(node, frozenset(), assigned)


def _node_uses(node: Node, looped: frozenset[str], assigned: set[str]) -> Iterator[Use]:
    required = isinstance(node, CheckedOutputNode) and node.required is not None
    for expression in node.expressions():
        for path in paths(expression):
            root = path.path[0]
            if not isinstance(root, str):
                yield Use(path, required, local=False)
            elif root not in looped:
                yield Use(path, required, local=root in assigned)
    scope = list(map(str, node.template_scope()))
    inner = looped | set(map(str, node.block_scope()))
    for child in children(node):
        yield from _node_uses(child, inner, assigned)
    assigned.update(scope)


def paths(expression: Expression) -> Iterator[Path]:
    """The paths of an expression, those inside brackets included."""
    if isinstance(expression, Path):
        yield expression
    for child in expression.children():
        yield from paths(child)


def field_names(template: Template) -> frozenset[str]:
    """Top-level names that rendering may look up, reserved ones included."""
    return frozenset(use.root for use in uses(template) if use.root is not None)


def find_variables(template: Template) -> list[Variable]:
    """The names that are neither assigned by the template nor reserved, in the order of first use."""
    found: dict[str, list[Use]] = {}
    for use in uses(template):
        if use.root is not None and not use.local and use.root not in RESERVED_NAMES | AMBIENT_NAMES:
            found.setdefault(use.root, []).append(use)
    return [
        Variable(
            name=name,
            paths=tuple(dict.fromkeys(str(use.path) for use in mentions)),
            required=any(use.required for use in mentions),
            lines=tuple(sorted({use.line for use in mentions})),
        )
        for name, mentions in found.items()
    ]


def variables(source: str) -> list[Variable]:
    """`find_variables` of a source. Raises RenderError where it isn't Liquid."""
    return find_variables(parse(source, autoescape=True))
