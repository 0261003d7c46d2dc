"""Whether an output can have what a mail's body must be searched for: a line that begins with a dot, or a NUL.

Told once per template from its own text, so that no message is searched. In doubt the answer is yes.
"""

from collections.abc import Sequence

from liquid import Node
from liquid.ast import BlockNode
from liquid.builtin.content import ContentNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode

from templates_registry.liquid.environment import CheckedOutputNode
from templates_registry.liquid.shape import interrupted

_SILENT = (AssignNode, CaptureNode, CommentNode)


class _Uneven(Exception):
    """A line may begin with a dot, or there may be a NUL."""


def is_even(nodes: Sequence[Node]) -> bool:
    """Whether no line, the first included, can begin with a dot and no NUL be there while all values are printable."""
    try:
        _walk(nodes, at_start=True)
    except (_Uneven, RecursionError):
        return False
    return True


def _walk(nodes: Sequence[Node], *, at_start: bool) -> bool:
    """`at_start`: a line may begin before the nodes; the answer is whether one may begin after them."""
    for node in nodes:
        at_start = _node(node, at_start=at_start)
    return at_start


def _node(node: Node, *, at_start: bool) -> bool:
    if isinstance(node, ContentNode):
        return _text(node.text, at_start=at_start)
    if isinstance(node, CheckedOutputNode):
        if at_start:
            raise _Uneven  # the value may begin with one
        return False
    if isinstance(node, _SILENT):
        return at_start
    if isinstance(node, IfNode | UnlessNode):
        blocks = [node.consequence, *(item.block for item in node.alternatives)]
        return _any_of([*blocks, node.default], at_start=at_start)
    if isinstance(node, CaseNode):
        branches = [item.block if isinstance(item, MultiExpressionBlockNode) else item for item in node.blocks]
        return _any_of([*branches, None], at_start=at_start)
    if isinstance(node, ForNode) and not interrupted(node.block):
        again = _any_of([node.block, None], at_start=at_start)
        return _any_of([node.block, node.default], at_start=again)
    raise _Uneven


def _text(text: str, *, at_start: bool) -> bool:
    if (at_start and text.startswith(".")) or "\n." in text or "\0" in text:
        raise _Uneven
    return text.endswith("\n") if text else at_start


def _any_of(blocks: Sequence[BlockNode | None], *, at_start: bool) -> bool:
    """One of them is run, None being nothing at all; a blank one writes nothing either."""
    ends = [at_start if block is None or block.blank else _walk(block.nodes, at_start=at_start) for block in blocks]
    return any(ends)
