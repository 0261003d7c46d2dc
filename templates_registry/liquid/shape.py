"""Questions about a syntax tree that the compiler asks before it writes code."""

from collections.abc import Iterator

from liquid import Node
from liquid.builtin.expressions import Path
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForNode
from liquid.expression import Expression

from templates_registry.liquid.environment import CheckedOutputNode, children


def local_names(nodes: list[Node]) -> Iterator[str]:
    """Names that an assign or a capture binds anywhere."""
    for node in nodes:
        if isinstance(node, AssignNode | CaptureNode):
            yield str(node.name)
        yield from local_names(children(node))


def count_outputs(nodes: list[Node]) -> int:
    """Places where a value is shown, or what a loop made of it."""
    return sum(isinstance(node, CheckedOutputNode | ForNode) + count_outputs(children(node)) for node in nodes)


def uses_forloop(node: Node) -> bool:
    """Whether `forloop` is mentioned anywhere inside."""
    return any(_mentions_forloop(item) for item in node.expressions()) or any(map(uses_forloop, children(node)))


def _mentions_forloop(expression: Expression) -> bool:
    if isinstance(expression, Path) and expression.path[0] == "forloop":
        return True
    return any(map(_mentions_forloop, expression.children()))


def interrupted(node: Node) -> bool:
    """Whether a break or continue inside leaves this turn; one in an inner loop leaves that loop."""
    if isinstance(node, BreakNode | ContinueNode):
        return True
    inner = [node.default] if isinstance(node, ForNode) else children(node)
    return any(interrupted(child) for child in inner if child is not None)
