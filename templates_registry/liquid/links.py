"""Links and images of an HTML part, and whether everyone gets an unsubscribe link."""

from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser

from liquid import Node
from liquid.ast import BlockNode
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Path
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.liquid_tag import LiquidNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.expression import Expression

from templates_registry.liquid.environment import CheckedOutputNode, Template, children, parse
from templates_registry.liquid.problems import Problem

UNSUBSCRIBE_NAME = "unsubscribe_url"


@dataclass(frozen=True, slots=True)
class Link:
    """One `<a href>`, as written: `href` may hold Liquid outputs. `line` counts from 1."""

    href: str
    line: int


def links(html_source: str) -> list[Link]:
    """The links of an HTML part, those of all branches. Raises RenderError where it isn't Liquid."""
    return _scan(html_source).links


def has_unsubscribe_link(source: str) -> bool:
    """Whether every recipient gets `unsubscribe_url`, whichever branches are taken. Raises RenderError."""
    return _covers(parse(source, autoescape=True).nodes, {UNSUBSCRIBE_NAME})


def html_problems(source: str, *, part: str = "html") -> list[Problem]:
    """Warnings about links and images. Raises RenderError."""
    page = _scan(source)
    found = [_link_problem(link, part) for link in page.links if _is_plain_http(link.href)]
    return found + [_image_problem(line, part) for line in page.bare]


def _link_problem(link: Link, part: str) -> Problem:
    message = f"The link {link.href[:100]} is not https."
    return Problem(part, link.line, None, "link_not_https", message, "Use https://.", "warn")


def _image_problem(line: int, part: str) -> Problem:
    hint = 'Add alt="…", or alt="" where it is decoration.'
    return Problem(part, line, None, "image_without_alt", "An image has no alt text.", hint, "warn")


def _is_plain_http(href: str) -> bool:
    return href.lower().startswith("http://")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[Link] = []
        self.bare: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line, _ = self.getpos()
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.append(Link((given["href"] or "").strip(), line))
        if tag == "img" and "alt" not in given:
            self.bare.append(line)


def _scan(source: str) -> _Page:
    page = _Page()
    page.feed(_outline(parse(source, autoescape=True), source))
    page.close()
    return page


def _outline(template: Template, source: str) -> str:
    """The source with its tags blanked, outputs kept, and lines where they were."""
    pieces: list[str] = []
    line = 1
    for node in _leaves(template.nodes):
        start = node.token.source.count("\n", 0, node.token.start_index) + 1
        pieces.append("\n" * (start - line))
        text = node.text if isinstance(node, ContentNode) else str(node).replace('"', "'").replace("\n", " ")
        pieces.append(text)
        line = max(line, start) + text.count("\n")
    return "".join(pieces)


def _leaves(nodes: Iterable[Node]) -> Iterable[ContentNode | CheckedOutputNode]:
    for node in nodes:
        if isinstance(node, ContentNode | CheckedOutputNode):
            yield node
        yield from _leaves(children(node))


def _covers(nodes: Iterable[Node], names: set[str]) -> bool:
    """Whether running `nodes` always shows one of `names`, which grows by assigns and captures on the way."""
    covered = False
    for node in nodes:
        if isinstance(node, AssignNode) and any(_mentions(item, names) for item in node.expressions()):
            names.add(str(node.name))
        elif isinstance(node, CaptureNode):
            if _covers(node.block.nodes, set(names)):
                names.add(str(node.name))
        else:
            covered = _node_covers(node, names) or covered
    return covered


def _node_covers(node: Node, names: set[str]) -> bool:
    if isinstance(node, CheckedOutputNode):
        return _mentions(node.expression, names)
    branches: list[BlockNode | None]
    if isinstance(node, IfNode | UnlessNode):
        branches = [node.consequence, *(item.block for item in node.alternatives), node.default]
    elif isinstance(node, CaseNode):
        choices = [item.block for item in node.blocks if isinstance(item, MultiExpressionBlockNode)]
        others = [item for item in node.blocks if isinstance(item, BlockNode)]
        branches = [*choices, *others] if others else [None]
    elif isinstance(node, ForNode):
        branches = [node.block, node.default]
    elif isinstance(node, LiquidNode):
        branches = [node.block]
    else:
        return False
    return all(branch is not None and _covers(branch.nodes, set(names)) for branch in branches)


def _mentions(expression: Expression, names: set[str]) -> bool:
    if isinstance(expression, Path):
        return len(expression.path) == 1 and isinstance(expression.path[0], str) and expression.path[0] in names
    return any(_mentions(child, names) for child in expression.children())
