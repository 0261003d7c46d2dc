"""Liquid expressions as Python expressions.

Nothing that an author wrote becomes code: names and values go in as `repr` of a string or as a constant's number.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from liquid import Environment, Markup
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.arguments import KeywordArgument
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.logical import (
    BooleanExpression,
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import (
    Blank,
    Empty,
    FalseLiteral,
    FloatLiteral,
    IntegerLiteral,
    Nil,
    RangeLiteral,
    StringLiteral,
    TrueLiteral,
)
from liquid.builtin.tags.for_tag import ForLoop
from liquid.expression import Expression

Scope = Mapping[str, str]
"""Names of enclosing loops to the Python variable that holds each."""


class UnsupportedError(Exception):
    """The compiler has no code for this; the template is rendered by python-liquid."""


class Expressions:
    """Turns the expressions of one template into Python source, collecting the constants it names."""

    def __init__(self, env: Environment, local_names: Mapping[str, str]) -> None:
        self.env = env
        self.local_names = local_names
        self.constants: dict[str, object] = {}
        self._filters: dict[str, str] = {}
        self._temporaries = 0

    def constant(self, value: object) -> str:
        """The generated name under which `value` is found."""
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def temporary(self, prefix: str = "t") -> str:
        """A Python name not used before."""
        self._temporaries += 1
        return f"{prefix}{self._temporaries}"

    def value(self, expression: Expression, scope: Scope) -> str:
        """Python source of the expression's value."""
        if isinstance(expression, Path):
            return self.path(expression, scope)
        if isinstance(expression, FilteredExpression):
            source = self.value(expression.left, scope)
            for item in expression.filters or ():
                source = self._filtered(source, item, scope)
            return source
        if isinstance(expression, RangeLiteral):
            return f"make_range({self.value(expression.start, scope)}, {self.value(expression.stop, scope)})"
        return self._literal(expression)

    def _literal(self, expression: Expression) -> str:
        if isinstance(expression, TrueLiteral | FalseLiteral):
            return repr(bool(expression.value))
        if isinstance(expression, Nil):
            return "None"
        if isinstance(expression, StringLiteral):
            return self.constant(Markup(expression.value) if self.env.autoescape else expression.value)
        if isinstance(expression, IntegerLiteral | FloatLiteral):
            return self.constant(expression.value)
        if isinstance(expression, Empty | Blank):
            return self.constant(expression)
        raise UnsupportedError(type(expression).__name__)

    def path(self, path: Path, scope: Scope) -> str:
        """Python source that looks a variable up."""
        root, *segments = path.path
        if not isinstance(root, str):
            raise UnsupportedError("a computed variable name")
        if root == "forloop" and scope.get(root, "").startswith("f"):
            return self._loop_property(scope[root], segments)
        source = self._root(root, scope)
        if not segments:
            return source
        if not any(isinstance(segment, Path) for segment in segments):
            return f"dig({source}, {self.constant(tuple(segments))})"
        parts = [self.path(item, scope) if isinstance(item, Path) else self.constant(item) for item in segments]
        return f"dig({source}, ({', '.join(parts)},))"

    def _loop_property(self, variable: str, segments: Sequence[object]) -> str:
        # The object itself can be walked through, which moves the loop that it belongs to.
        if not segments or segments[-1] == "parentloop" or any(isinstance(item, Path) for item in segments):
            raise UnsupportedError("forloop as a value")
        if len(segments) == 1 and segments[0] in ForLoop._keys:
            return f"{variable}.{segments[0]}"
        return f"dig({variable}, {self.constant(tuple(segments))})"

    def _root(self, root: str, scope: Scope) -> str:
        if root in scope:
            return scope[root]
        if root == "partial":
            # python-liquid sets this one itself, to tell included templates apart.
            return "False"
        found = f"ambient(get, {root!r})" if root in ("now", "today") else f"get({root!r}, UNDEFINED)"
        local = self.local_names.get(root)
        return found if local is None else f"({local} if {local} is not UNSET else {found})"

    def _filtered(self, source: str, item: Filter, scope: Scope) -> str:
        arguments = [source]
        keywords = []
        for argument in item.args:
            value = self.value(argument.value, scope)
            if isinstance(argument, KeywordArgument):
                keywords.append(f"{argument.name!r}: {value}")
            else:
                arguments.append(value)
        if keywords:
            arguments.append(f"**{{{', '.join(keywords)}}}")
        return f"{self._filter(item.name)}({', '.join(arguments)})"

    def _filter(self, name: str) -> str:
        if name not in self._filters:
            function: Callable[..., object] | None = self.env.filters.get(name)
            if function is None or getattr(function, "with_context", False):
                raise UnsupportedError(f"filter {name}")
            if getattr(function, "with_environment", False):
                function = partial(function, environment=self.env)
            self._filters[name] = self.constant(function)
        return self._filters[name]

    def truth(self, expression: Expression, scope: Scope) -> str:
        """Python source of a condition."""
        if isinstance(expression, BooleanExpression):
            return self.truth(expression.expression, scope)
        if isinstance(expression, LogicalAndExpression):
            return f"({self.truth(expression.left, scope)} and {self.truth(expression.right, scope)})"
        if isinstance(expression, LogicalOrExpression):
            return f"({self.truth(expression.left, scope)} or {self.truth(expression.right, scope)})"
        if isinstance(expression, Path):
            return self._path_truth(expression, scope)
        comparison = self._comparison(expression, scope)
        return comparison or f"truthy({self.value(expression, scope)})"

    def _path_truth(self, path: Path, scope: Scope) -> str:
        name = self.temporary("v")
        source = self.path(path, scope)
        return f"(({name} := {source}) is not None and {name} is not False and {name} is not UNDEFINED)"

    def _comparison(self, expression: Expression, scope: Scope) -> str | None:
        if isinstance(expression, EqExpression):
            return self.equal(expression.left, expression.right, scope)
        if isinstance(expression, NeExpression):
            return f"(not {self.equal(expression.left, expression.right, scope)})"
        for kind, form in _COMPARISONS.items():
            if isinstance(expression, kind):
                left = self.value(expression.left, scope)
                right = self.value(expression.right, scope)
                return form.format(left=left, right=right, token=self.constant(expression.token))
        return None

    def equal(self, left: Expression, right: Expression, scope: Scope) -> str:
        """Python source of Liquid's `==`."""
        source = self.value(left, scope)
        # Beside a string that isn't blank, Python's == is the same: no bool, nil or `blank` equals it.
        if isinstance(right, StringLiteral) and right.value.strip() and isinstance(left, Path):
            return f"({source} == {right.value!r})"
        return f"_eq({source}, {self.value(right, scope)})"


_Comparison = LtExpression | GtExpression | LeExpression | GeExpression | ContainsExpression
_COMPARISONS: dict[type[_Comparison], str] = {
    LtExpression: "_lt({token}, {left}, {right})",
    GtExpression: "_lt({token}, {right}, {left})",
    LeExpression: "_le({left}, {right})",
    GeExpression: "_le({right}, {left})",
    ContainsExpression: "contains({token}, {left}, {right})",
}
