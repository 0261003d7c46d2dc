"""A look at a source before it is parsed: python-liquid's lexer takes quadratic time over some, which are refused."""

import re

from liquid.exceptions import LiquidSyntaxError

from templates_registry.liquid.limits import MAX_TAG_LENGTH, MAX_TAG_SPACE, SourceRefused

_OPENING = re.compile(r"\{\{|\{%")
_VERBATIM = re.compile(r"\{%-?\s*(raw|doc)\s*-?%\}")
_VERBATIM_END = {name: re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}") for name in ("raw", "doc")}
_LONG_SPACE = re.compile(rf"\s{{{MAX_TAG_SPACE + 1},}}")


def refuse_slow_source(source: str) -> None:
    """Raises SourceRefused for endless tags, endless space in one, and verbatim text without an end. Linear time."""
    position = 0
    while opening := _OPENING.search(source, position):
        verbatim = _VERBATIM.match(source, opening.start())
        position = _after_verbatim(source, verbatim) if verbatim else _after_tag(source, opening)


def _after_verbatim(source: str, opening: re.Match[str]) -> int:
    end = _VERBATIM_END[opening[1]].search(source, opening.end())
    if end is None:
        line = source.count("\n", 0, opening.start()) + 1
        message, hint = f"This {opening[1]} is never closed.", f"Add {{% end{opening[1]} %}}."
        refused = SourceRefused(message, line=line, code="not_closed", hint=hint)
        raise refused from LiquidSyntaxError(message, token=None)
    return end.end()


def _after_tag(source: str, opening: re.Match[str]) -> int:
    start = opening.start()
    close = source.find("}}" if opening[0] == "{{" else "%}", opening.end())
    end = close + 2 if close >= 0 else len(source)
    if end - start > MAX_TAG_LENGTH:
        _refuse(source, start, f"A tag has {end - start:,} characters; the limit is {MAX_TAG_LENGTH:,}.")
    if _LONG_SPACE.search(source, start, end):
        _refuse(source, start, f"A tag has more than {MAX_TAG_SPACE} spaces in a row.")
    # One without an end is plain text inside a comment, and otherwise the parser's to refuse.
    return end if close >= 0 else opening.end()


def _refuse(source: str, start: int, message: str) -> None:
    line = source.count("\n", 0, start) + 1
    raise SourceRefused(message, line=line, code="tag_too_long", hint="Check that it is closed, and shorten it.")
