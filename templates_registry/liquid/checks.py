"""What is checked when a template is saved: that it is Liquid, uses only what we have, and stays within limits.

What is typed in is checked by `child.check_in_child`, which also holds the time and memory that this takes.
"""

import difflib
import inspect
import re

from liquid import Node, Token
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.arguments import KeywordArgument
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.primitive import IntegerLiteral, RangeLiteral
from liquid.builtin.tags.case_tag import MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForNode
from liquid.builtin.tags.tablerow_tag import TablerowNode
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.token import TOKEN_TAG

from common.personalization import RESERVED_NAMES
from templates_registry.liquid import limits
from templates_registry.liquid.environment import Template, children, environment, parse
from templates_registry.liquid.limits import RenderError, SourceRefused
from templates_registry.liquid.problems import Level, Problem, place
from templates_registry.liquid.variables import find_variables

LOADING_TAGS = ("include", "render", "extends", "block", "import", "from", "layout", "section", "macro", "call")
_UNEXPECTED_TAG = re.compile(r"unexpected tag '(.*)'")
_INNER_TAGS = ("elsif", "else", "when")


def check(source: str, *, part: str) -> list[Problem]:
    """Every problem of one part's source, in the order of its lines; a syntax error hides those after it."""
    too_long = _source_problems(source, part)
    if too_long:
        return too_long
    try:
        template = parse(source, autoescape=True)
    except SourceRefused as error:
        return [Problem(part, error.line, None, error.code, error.message, error.hint)]
    except RenderError as error:
        return [_syntax_problem(error, source, part)]
    found = _Checker(template, source, part).problems()
    return sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0))


def _source_problems(source: str, part: str) -> list[Problem]:
    size = len(source.encode(errors="replace"))
    if size > limits.MAX_SOURCE_BYTES:
        message = f"The source has {size:,} bytes; the limit is {limits.MAX_SOURCE_BYTES:,}."
        return [Problem(part, None, None, "too_large", message, "Link to images instead of embedding them.")]
    if "\x00" in source:
        line, column = place(source, source.index("\x00"))
        return [Problem(part, line, column, "nul_character", "The source has a NUL character.", "Delete it.")]
    tags = source.count("{{") + source.count("{%")
    if tags > limits.MAX_TAGS:
        message = f"The source has {tags:,} openings of tags and outputs; the limit is {limits.MAX_TAGS:,}."
        return [Problem(part, None, None, "too_many_nodes", message, "Split it, or use a loop.")]
    return []


def _syntax_problem(error: RenderError, source: str, part: str) -> Problem:
    cause = error.__cause__
    message = str(cause.message) if isinstance(cause, LiquidError) else ""
    line: int | None = None
    column: int | None = None
    if isinstance(cause, LiquidError) and cause.token is not None and cause.token.start_index >= 0:
        line, column = place(source, cause.token.start_index)
    tag = _UNEXPECTED_TAG.fullmatch(message)
    if tag:
        return _tag_problem(tag[1], part, line, column)
    if not message or isinstance(cause and cause.__cause__, RecursionError) or "nesting limit" in message:
        hint = f"Use at most {limits.MAX_BLOCK_DEPTH} nested blocks."
        return Problem(part, line, column, "too_deep", "The template is nested too deeply.", hint)
    if line is None and (opening := _unclosed(source)):
        line, column = place(source, opening.start_index)
        hint = f"Add {{% end{opening.value} %}}."
        return Problem(part, line, column, "not_closed", f"This {opening.value} is never closed.", hint)
    hint = "Check that each {{ has its }} and each block its end tag."
    return Problem(part, line, column, "syntax_error", f"{message[:1].upper()}{message[1:]}.", hint)


def _unclosed(source: str) -> Token | None:
    """The innermost tag whose block is still open at the end."""
    env = environment(autoescape=True)
    opened: list[Token] = []
    for token in env.tokenizer()(source):
        if token.kind != TOKEN_TAG:
            continue
        if opened and token.value == f"end{opened[-1].value}":
            opened.pop()
        elif (tag := env.tags.get(token.value)) and tag.end == f"end{token.value}":
            opened.append(token)
    return opened[-1] if opened else None


def _tag_problem(name: str, part: str, line: int | None, column: int | None) -> Problem:
    if name in LOADING_TAGS:
        message = f"The tag {name} is not allowed: a template can't load another one."
        return Problem(part, line, column, "tag_not_allowed", message, "Put its text here.")
    tags = [tag for tag in environment(autoescape=True).tags if tag.isalpha()]
    if name in _INNER_TAGS or name.startswith("end"):
        message, hint = f"The tag {name} is out of place.", "Check that the block it belongs to begins before it."
    else:
        message, hint = f"There is no tag {name[:50]}.", _closest(name, tags)
    return Problem(part, line, column, "unknown_tag", message, hint)


def _closest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:50], known, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}."


class _Checker:
    def __init__(self, template: Template, source: str, part: str) -> None:
        self.template = template
        self.source = source
        self.part = part
        self.nodes = 0
        self.found: dict[tuple[str, int | None, int | None], Problem] = {}

    def problems(self) -> list[Problem]:
        for node in self.template.nodes:
            self._node(node, 1, 0)
            self._repeats(node, 1)
        if self.nodes > limits.MAX_NODES:
            message = f"The template has {self.nodes:,} tags and texts; the limit is {limits.MAX_NODES:,}."
            self._add(None, "too_many_nodes", message, "Split it, or use a loop.")
        self._variables()
        return list(self.found.values())

    def _add(self, token: Token | None, code: str, message: str, hint: str, level: Level = "error") -> None:
        line, column = place(self.source, token.start_index) if token else (None, None)
        problem = Problem(self.part, line, column, code, message, hint, level)
        # What is nested too deeply is so all the way down: said once a line.
        self.found.setdefault((code, line, None if code == "too_deep" else column), problem)

    def _variables(self) -> None:
        variables = find_variables(self.template)
        if len(variables) > limits.MAX_VARIABLES:
            message = f"The template uses {len(variables):,} variables; the limit is {limits.MAX_VARIABLES}."
            self._add(None, "too_many_variables", message, "Group them: order.total, order.date, …")

    def _node(self, node: Node, depth: int, loops: int) -> None:
        self.nodes += 1
        if isinstance(node, ForNode | TablerowNode):
            loops += 1
            self._loop(node, loops)
        if isinstance(node, BreakNode | ContinueNode) and not loops:
            name = "break" if isinstance(node, BreakNode) else "continue"
            self._add(node.token, "out_of_place", f"{name} stands outside a loop.", "Move it into a for.")
        if depth > 2 * limits.MAX_BLOCK_DEPTH:
            hint = f"Use at most {limits.MAX_BLOCK_DEPTH} nested blocks."
            self._add(node.token, "too_deep", "Blocks are nested too deeply.", hint)
            return
        self._names_given(node)
        for expression in node.expressions():
            self._expression(expression, 1)
        for child in children(node):
            self._node(child, depth + 1, loops)

    def _names_given(self, node: Node) -> None:
        for name in (*node.template_scope(), *node.block_scope()):
            if name in RESERVED_NAMES:
                message = f"{name} is a name of Volley's own: a template can't give it another value."
                self._add(node.token, "reserved_name", message, "Choose another name.")

    def _repeats(self, node: Node, times: int) -> None:
        """A `when` runs its block once for each choice that matches: nested ones multiply."""
        if isinstance(node, MultiExpressionBlockNode):
            times *= len(node.expression.expressions)
            if times > limits.MAX_CHOICES:
                message = f"Nested whens have {times:,} combinations of choices; the limit is {limits.MAX_CHOICES}."
                self._add(node.token, "too_many_choices", message, "Use fewer choices, or if.")
                return
        for child in children(node):
            self._repeats(child, times)

    def _loop(self, node: ForNode | TablerowNode, loops: int) -> None:
        if loops > limits.MAX_LOOP_DEPTH:
            message = f"Loops are nested {loops} deep; the limit is {limits.MAX_LOOP_DEPTH}."
            self._add(node.token, "too_deep", message, "Prepare the data so that fewer loops do.")
        size = _count(node.block)
        if size > limits.MAX_LOOP_NODES:
            message = f"The loop holds {size} tags and texts; the limit is {limits.MAX_LOOP_NODES}."
            self._add(node.token, "too_many_nodes", message, "Move what doesn't change out of the loop.")

    def _expression(self, expression: Expression, depth: int) -> None:
        if depth > limits.MAX_EXPRESSION_DEPTH:
            message = f"The expression is nested more than {limits.MAX_EXPRESSION_DEPTH} deep."
            self._add(expression.token, "too_deep", message, "Split it with assign.")
            return
        if isinstance(expression, FilteredExpression):
            self._filters(expression)
        if isinstance(expression, RangeLiteral):
            self._range(expression)
        if isinstance(expression, Path):
            self._path(expression)
        for child in expression.children():
            self._expression(child, depth + 1)

    def _path(self, path: Path) -> None:
        if not isinstance(path.path[0], str):
            self._add(path.token, "computed_name", "A variable's name can't be computed.", "Use object[name].")
        elif path.path[0] == "partial":
            message = "partial is a word of Liquid's own and always shows false."
            self._add(path.token, "reserved_name", message, "Rename the variable.", "warn")

    def _range(self, expression: RangeLiteral) -> None:
        start, stop = expression.start, expression.stop
        if not isinstance(start, IntegerLiteral) or not isinstance(stop, IntegerLiteral):
            return
        count = stop.value - start.value + 1
        if count > limits.MAX_ITEMS:
            message = f"The range has {count:,} numbers; the limit is {limits.MAX_ITEMS:,}."
            self._add(expression.token, "range_too_large", message, "Use a smaller range.")

    def _filters(self, expression: FilteredExpression) -> None:
        filters = expression.filters or []
        if len(filters) > limits.MAX_FILTERS:
            message = f"{len(filters)} filters follow one another; the limit is {limits.MAX_FILTERS}."
            self._add(filters[limits.MAX_FILTERS].token, "too_many_filters", message, "Use fewer.")
        for item in filters:
            self._filter(item)

    def _filter(self, item: Filter) -> None:
        known = self.template.env.filters
        if item.name not in known:
            message = f"There is no filter {item.name[:50]}."
            self._add(item.token, "unknown_filter", message, _closest(item.name, list(known)))
            return
        positional = [None for argument in item.args if not isinstance(argument, KeywordArgument)]
        named = {argument.name: None for argument in item.args if isinstance(argument, KeywordArgument)}
        signature = inspect.signature(known[item.name])
        if "environment" in signature.parameters:
            named["environment"] = None
        try:
            signature.bind(None, *positional, **named)
        except TypeError as error:
            message = f"The filter {item.name} doesn't take these arguments: {error}."
            self._add(item.token, "wrong_arguments", message, f"It takes {_arguments(signature)}.")


def _arguments(signature: inspect.Signature) -> str:
    names = [name.strip("_") for name in list(signature.parameters)[1:] if name != "environment"]
    return ", ".join(names) or "none"


def _count(node: Node) -> int:
    return sum(1 + _count(child) for child in children(node))
