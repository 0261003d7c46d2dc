"""python-liquid's expressions, bounded: what may make much out of little is measured, what may take long is timed."""

from collections.abc import Iterator, Sized

from liquid import RenderContext
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    EqExpression,
    GeExpression,
    LeExpression,
    NeExpression,
    _contains,
    _eq,
    _le,
)
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags.case_tag import _AnyExpression
from liquid.expression import Expression
from liquid.stringify import to_liquid_string
from liquid.token import Token

from templates_registry.liquid.limits import ITEM_WORK, LARGE, charge, check_items, look_at_clock, paced


def written(value: object, autoescape: bool) -> str:
    """`value` as an output shows it."""
    if isinstance(value, _WALKED):
        look_at_clock()
    return to_liquid_string(value, autoescape)


class BoundedRange(RangeLiteral):
    """`(a..b)` of at most `MAX_ITEMS` numbers."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> range:
        """The range. Raises LimitExceeded before anything walks through it."""
        return bounded_range(self._make_range(self.start.evaluate(context), self.stop.evaluate(context)))


def bounded_range(numbers: range) -> range:
    """`numbers`, unless there are more than `MAX_ITEMS`."""
    # len() of a range beyond 2**63 raises OverflowError.
    check_items(max(numbers.stop - numbers.start, 0))
    return numbers


class BoundedContains(ContainsExpression):
    """`a contains b`, which counts the walk through a large `a` as work."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        """Whether it does."""
        return contains(self.token, self.left.evaluate(context), self.right.evaluate(context))


def contains(token: Token, left: object, right: object) -> bool:
    """python-liquid's `contains`, with its work counted."""
    if isinstance(left, _WALKED) or isinstance(right, _WALKED):
        look_at_clock()
    if isinstance(left, str):
        if len(left) > LARGE:
            charge(len(left))
    elif isinstance(left, Sized) and len(left) > LARGE:
        charge(len(left) * ITEM_WORK)
    return _contains(token, left, right)


_WALKED = (list, dict, tuple)
"""Comparing two of these may take long, and writing one out; a look at the clock comes first."""


def equal(left: object, right: object) -> bool:
    """Liquid's `==`."""
    if isinstance(left, _WALKED) and isinstance(right, _WALKED):
        look_at_clock()
    return _eq(left, right)


def at_most(left: object, right: object) -> bool:
    """Liquid's `<=`, which is `==` for what has no order."""
    if isinstance(left, _WALKED) and isinstance(right, _WALKED):
        look_at_clock()
    return _le(left, right)


class ClockedEq(EqExpression):
    """`a == b`"""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        """Whether they are."""
        return equal(self.left.evaluate(context), self.right.evaluate(context))


class ClockedNe(NeExpression):
    """`a != b`"""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        """Whether they differ."""
        return not equal(self.left.evaluate(context), self.right.evaluate(context))


class ClockedLe(LeExpression):
    """`a <= b`"""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        """Whether it is."""
        return at_most(self.left.evaluate(context), self.right.evaluate(context))


class ClockedGe(GeExpression):
    """`a >= b`"""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        """Whether it is."""
        left = self.left.evaluate(context)
        return at_most(self.right.evaluate(context), left)


class ClockedWhen(_AnyExpression):
    """The choices of a `when`."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> list[bool]:
        """Whether each is what the `case` is about."""
        left = self.left.evaluate(context)
        return [equal(left, right.evaluate(context)) for right in self.expressions]


class PacedLoop(LoopExpression):
    """The head of a `for`, which stops when the CPU time of a render is spent."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> tuple[Iterator[object], int]:
        """Its items and their number."""
        items, length = super().evaluate(context)
        return paced(items), length


def bound_expression(expression: Expression) -> None:
    """Bounds it, and what is inside it, in place."""
    # The parser makes these by name, so there is no class to register: the same slots, another evaluate.
    bounded = _BOUNDED.get(type(expression))
    if bounded is not None:
        expression.__class__ = bounded
    for child in expression.children():
        bound_expression(child)


_BOUNDED: dict[type[Expression], type[Expression]] = {
    RangeLiteral: BoundedRange,
    ContainsExpression: BoundedContains,
    LoopExpression: PacedLoop,
    EqExpression: ClockedEq,
    NeExpression: ClockedNe,
    LeExpression: ClockedLe,
    GeExpression: ClockedGe,
    _AnyExpression: ClockedWhen,
}
