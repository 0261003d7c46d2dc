"""A template's syntax tree compiled to one Python function: a splice of encoded literals and escaped values."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from liquid import Markup, Node
from liquid.ast import BlockNode
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import LoopExpression, Path
from liquid.builtin.expressions.filtered import FilteredExpression
from liquid.builtin.expressions.logical import _lt
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.doc_tag import DocNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForLoop, ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.liquid_tag import LiquidNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.expression import Expression

from templates_registry.liquid import runtime
from templates_registry.liquid.bounded import at_most, contains, equal
from templates_registry.liquid.environment import CheckedOutputNode, Template, with_line_ends
from templates_registry.liquid.expressions import Expressions, Scope, UnsupportedError
from templates_registry.liquid.limits import MAX_OUTPUT_BYTES, check_iterations, paced
from templates_registry.liquid.shape import count_outputs, interrupted, local_names, uses_forloop
from templates_registry.liquid.sinks import Appended, Joined, Silent, Sink, Source

Render = Callable[[Mapping[str, object]], bytes]
UNPACED_TURNS = 100
"""Loop turns of a render before the clock is looked at."""
FEW_OUTPUTS = 20
"""So few that nobody's fields make them large together, however large each: the rest is measured as it is made."""
Known = dict[str, str]
"""Outputs already made on the way to this point, to the variable that holds each."""


def compile_template(template: Template, *, strict: bool, newline: str, json: bool = False) -> Render | None:
    """A function from fields to output bytes; None where some part of the tree has no code."""
    try:
        return _Compiler(template, strict=strict, newline=newline, json=json).function()
    except (UnsupportedError, SyntaxError, RecursionError, MemoryError):
        # The last three: a tree nested deeper than Python's own parser takes.
        return None


class _Compiler:
    def __init__(self, template: Template, *, strict: bool, newline: str, json: bool) -> None:
        self.template = template
        self.strict = strict
        self.newline = newline
        self.json = json
        names = sorted(set(local_names(template.nodes)))
        self.local_names = {name: f"a{index}" for index, name in enumerate(names)}
        self.expressions = Expressions(template.env, self.local_names)
        self.source = Source()
        self.in_capture = False
        self.loops = 0
        self.many = count_outputs(template.nodes) > FEW_OUTPUTS

    def function(self) -> Render:
        """Write the code and load it."""
        out = Joined(self)
        with self.source.block("def render(fields):"):
            self.source.line("get = fields.get; turns = 0")
            for variable in self.local_names.values():
                self.source.line(f"{variable} = UNSET")
            self._nodes(self.template.nodes, out, {}, {})
            self.source.line(f"return {out.source()}")
        namespace = self._namespace()
        code = compile(self.source.text(), "<liquid>", "exec")
        exec(code, namespace)  # noqa: S102 - generated from the tree; see expressions.py
        render: Render = namespace["render"]
        return render

    def _namespace(self) -> dict[str, Any]:
        show, need = runtime.writers(autoescape=self.template.env.autoescape, newline=self.newline, json=self.json)
        show_text, need_text = runtime.text_writers(autoescape=self.template.env.autoescape)
        return {
            "show": show,
            "need": need,
            "show_text": show_text,
            "need_text": need_text,
            "J": runtime.join_bounded if self.many else b"".join,
            "E": runtime.escape_inner,
            "Markup": Markup,
            "ForLoop": ForLoop,
            "_eq": equal,
            "_lt": _lt,
            "_le": at_most,
            "contains": contains,
            "check_iterations": check_iterations,
            "paced": paced,
            **{name: getattr(runtime, name) for name in _RUNTIME},
            **self.expressions.constants,
        }

    # What sinks ask for.

    def temporary(self) -> str:
        """A variable not used before."""
        return self.expressions.temporary()

    def literal(self, text: str) -> str:
        """The constant of a literal, encoded unless it is inside a capture."""
        if self.in_capture:
            return self.expressions.constant(text)
        return self.expressions.constant(runtime.inside_json(text) if self.json else text.encode())

    def joined(self, pieces: list[str]) -> str:
        """Python source of several pieces as one."""
        if not pieces:
            return "''" if self.in_capture else "b''"
        if len(pieces) == 1:
            return pieces[0]
        return f"{'join_text' if self.in_capture else 'J'}(({', '.join(pieces)}))"

    def joined_list(self, variable: str) -> str:
        """Python source of a list of pieces as one."""
        return f"{'join_text' if self.in_capture else 'J'}({variable})"

    # Nodes.

    def _nodes(self, nodes: list[Node], sink: Sink, scope: Scope, known: Known) -> None:
        for node in nodes:
            self._node(node, sink, scope, known)

    def _block(self, block: BlockNode, sink: Sink, scope: Scope, known: Known) -> None:
        # python-liquid runs a block without output for its effects only.
        self._nodes(block.nodes, Silent() if block.blank else sink, scope, dict(known))

    def _node(self, node: Node, sink: Sink, scope: Scope, known: Known) -> None:
        for kind, method in _METHODS.items():
            if isinstance(node, kind):
                method(self, node, sink, scope, known)
                return
        raise UnsupportedError(type(node).__name__)

    def _nothing(self, node: Node, sink: Sink, scope: Scope, known: Known) -> None:
        pass

    def _content(self, node: ContentNode, sink: Sink, scope: Scope, known: Known) -> None:
        unconverted = self.in_capture or self.newline == "\n"
        sink.literal(node.text if unconverted else with_line_ends(node.text, self.newline))

    def _output(self, node: CheckedOutputNode, sink: Sink, scope: Scope, known: Known) -> None:
        value = self.expressions.value(node.expression, scope)
        required = node.required if self.strict else None
        if self.in_capture:
            call = f"show_text({value})" if required is None else f"need_text({value}, {required!r})"
            sink.piece(self._assigned(call))
        elif not self._is_plain(node.expression):
            sink.piece(self._assigned(f"show({value})" if required is None else f"need({value}, {required!r})"))
        else:
            if value not in known:
                known[value] = self._assigned(self._inline(value, required))
            sink.piece(known[value])

    def _assigned(self, source: str) -> str:
        variable = self.expressions.temporary()
        self.source.line(f"{variable} = {source}")
        return variable

    def _is_plain(self, expression: Expression) -> bool:
        """Whether this is a field or loop variable alone: what nothing in the template can change or grow."""
        if not isinstance(expression, FilteredExpression) or expression.filters:
            return False
        path = expression.left
        return isinstance(path, Path) and not any(
            isinstance(item, Path) or item in self.local_names or item == "forloop" for item in path.path
        )

    def _inline(self, value: str, required: str | None) -> str:
        # A printable string that starts with "!" or a later character is neither blank nor holds a line end.
        fast = "E(v).encode()" if self.template.env.autoescape else "v.encode()"
        slow = "show(v)" if required is None else f"need(v, {required!r})"
        more = f" and len(v) <= {runtime.SHOWN_LARGE}" if self.many else ""
        if self.json:  # where it isn't escaped for HTML, which leaves no quotes, it may hold these too
            more += r" and '\\' not in v" + ("" if self.template.env.autoescape else " and '\"' not in v")
        return f"{fast} if (v := {value}).__class__ is str{more} and v >= '!' and v.isprintable() else {slow}"

    def _if(self, node: IfNode | UnlessNode, sink: Sink, scope: Scope, known: Known) -> None:
        condition = self.expressions.truth(node.condition, scope)
        branches = [(f"not {condition}" if isinstance(node, UnlessNode) else condition, node.consequence)]
        branches += [(self.expressions.truth(item.expression, scope), item.block) for item in node.alternatives]
        with sink.branches(self) as branch:
            for index, (test, block) in enumerate(branches):
                with branch(f"{'elif' if index else 'if'} {test}:") as inner:
                    self._block(block, inner, scope, known)
            with branch("else:") as inner:
                if node.default:
                    self._block(node.default, inner, scope, known)

    def _case(self, node: CaseNode, sink: Sink, scope: Scope, known: Known) -> None:
        matched = self.expressions.temporary("m")
        self.source.line(f"{matched} = False")
        for block in node.blocks:
            with sink.branches(self) as branch:
                if isinstance(block, MultiExpressionBlockNode):
                    with branch(f"if {self._when(block, scope)}:") as inner:
                        self.source.line(f"{matched} = True")
                        self._block(block.block, inner, scope, known)
                else:
                    with branch(f"if not {matched}:") as inner:
                        self._block(block, inner, scope, known)
                with branch("else:"):
                    pass

    def _when(self, block: MultiExpressionBlockNode, scope: Scope) -> str:
        choices = block.expression.expressions
        strings = {choice.value for choice in choices if isinstance(choice, StringLiteral)}
        if len(choices) > 1 and len(strings) < len(choices):
            # python-liquid renders the block once for each choice that matches; different strings can't match twice.
            raise UnsupportedError("a when with choices that may match twice")
        return " or ".join(self.expressions.equal(block.expression.left, choice, scope) for choice in choices)

    def _for(self, node: ForNode, sink: Sink, scope: Scope, known: Known) -> None:
        items, count = self.expressions.temporary("i"), self.expressions.temporary("n")
        self._loop_items(node.expression, items, count, scope)
        with sink.branches(self) as branch:
            with branch(f"if {count}:") as inner:
                self.source.line(f"turns += {count}")
                self.source.line(f"if turns > {UNPACED_TURNS}: check_iterations(turns); {items} = paced({items})")
                self._turns(node, items, count, inner, scope, known)
            with branch("else:") as inner:
                if node.default:
                    self._block(node.default, inner, scope, known)

    def _loop_items(self, loop: LoopExpression, items: str, count: str, scope: Scope) -> None:
        source = self.expressions.value(loop.iterable, scope)
        if isinstance(loop.offset, StringLiteral) and loop.offset.value == "continue":
            raise UnsupportedError("offset: continue")
        limit = self.expressions.value(loop.limit, scope) if loop.limit else "UNSET"
        offset = self.expressions.value(loop.offset, scope) if loop.offset else "UNSET"
        call = f"loop_items({items}, {limit}, {offset}, {loop.reversed!r})"
        self.source.line(f"{items} = {source}")
        if loop.limit or loop.offset or loop.reversed:
            self.source.line(f"{items}, {count} = {call}")
            return
        self.source.line(f"{count} = len({items}) if {items}.__class__ is list else -1")
        self.source.line(f"if {count} < 0: {items}, {count} = {call}")

    def _turns(self, node: ForNode, items: str, count: str, sink: Sink, scope: Scope, known: Known) -> None:
        turn, name = self.expressions.temporary("x"), str(node.expression.identifier)
        if name == "forloop":
            raise UnsupportedError("a loop variable named forloop")
        inside = {**scope, name: turn}
        head = f"for {turn} in {items}:"
        if uses_forloop(node):
            loop = self.expressions.temporary("f")
            label = self.expressions.constant(f"{name}-{node.expression.iterable}")
            parent = scope.get("forloop", "UNDEFINED")
            self.source.line(f"{loop} = ForLoop({label}, iter(()), {count}, {parent})")
            inside = {**scope, "forloop": loop, name: turn}
            head = f"for {loop}._index, {turn} in enumerate({items}):"
        self.loops += 1
        silent = isinstance(sink, Silent) or node.block.blank
        pieces, size = self.expressions.temporary("o"), self.expressions.temporary("z")
        if not silent:
            self.source.line(f"{pieces} = []; {size} = 0")
        with self.source.block(head):
            if silent:
                self._block(node.block, Silent(), inside, known)
            else:
                self._turn(node.block, pieces, size, inside, known)
        self.loops -= 1
        if not silent:
            sink.piece(self._assigned(self.joined_list(pieces)))

    def _turn(self, block: BlockNode, pieces: str, size: str, scope: Scope, known: Known) -> None:
        if interrupted(block):
            self.source.line(f"if {size} > {MAX_OUTPUT_BYTES}: too_large()")
            self._block(block, Appended(self, pieces, size), scope, known)
            return
        joined = Joined(self)
        self._block(block, joined, scope, known)
        names = joined.names()
        if names:
            self.source.line(f"{pieces} += ({', '.join(names)},); {size} += {self._size(names)}")
            self.source.line(f"if {size} > {MAX_OUTPUT_BYTES}: too_large()")

    def _size(self, names: list[str]) -> str:
        """Python source of the length of all pieces: a number for the literals, and the others' lengths."""
        literals = [self.expressions.constants[name] for name in names if name in self.expressions.constants]
        fixed = sum(len(text) for text in literals if isinstance(text, str | bytes))
        return " + ".join([str(fixed), *(f"len({name})" for name in names if name not in self.expressions.constants)])

    def _interrupt(self, node: Node, sink: Sink, scope: Scope, known: Known) -> None:
        if not self.loops:
            raise UnsupportedError("break or continue outside a loop")
        self.source.line("break" if isinstance(node, BreakNode) else "continue")

    def _assign(self, node: AssignNode, sink: Sink, scope: Scope, known: Known) -> None:
        value = self.expressions.value(node.expression, scope)
        self.source.line(f"{self.local_names[str(node.name)]} = kept({value})")

    def _capture(self, node: CaptureNode, sink: Sink, scope: Scope, known: Known) -> None:
        with self._capturing():
            body = Joined(self)
            self._block(node.block, body, scope, {})
            text = f"kept({body.source()})"
        value = f"Markup({text})" if self.template.env.autoescape else text
        self.source.line(f"{self.local_names[str(node.name)]} = {value}")

    @contextlib.contextmanager
    def _capturing(self) -> Iterator[None]:
        outside, self.in_capture = self.in_capture, True
        try:
            yield
        finally:
            self.in_capture = outside

    def _liquid(self, node: LiquidNode, sink: Sink, scope: Scope, known: Known) -> None:
        self._block(node.block, sink, scope, known)


_RUNTIME = (
    "UNDEFINED",
    "UNSET",
    "ambient",
    "dig",
    "join_text",
    "kept",
    "loop_items",
    "make_range",
    "too_large",
    "truthy",
)
_METHODS: dict[type[Node], Callable[..., None]] = {
    ContentNode: _Compiler._content,
    CheckedOutputNode: _Compiler._output,
    IfNode: _Compiler._if,
    UnlessNode: _Compiler._if,
    CaseNode: _Compiler._case,
    ForNode: _Compiler._for,
    AssignNode: _Compiler._assign,
    CaptureNode: _Compiler._capture,
    LiquidNode: _Compiler._liquid,
    BreakNode: _Compiler._interrupt,
    ContinueNode: _Compiler._interrupt,
    CommentNode: _Compiler._nothing,
    DocNode: _Compiler._nothing,
}
