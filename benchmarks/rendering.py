"""The bench template: how long a rendering takes, and that it is byte for byte python-liquid's."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import liquid

from benchmarks.contacts import contact
from benchmarks.report import Row, Table
from benchmarks.world import SUBJECT, html
from templates_registry.liquid import Precedence, compile_part

COMPARED = 2_000
RENDERED = 10_000
BAR_US = 6.0

Fields = Mapping[str, object]


def fields_of(count: int) -> Iterator[dict[str, object]]:
    for number in range(1, count + 1):
        attributes: Any = contact(number)["attributes"]
        yield {**attributes, "unsubscribe_url": f"https://example.test/u/{number:032x}"}


def measure(table: Table, *, runs: int) -> None:
    people = list(fields_of(RENDERED))
    part = compile_part(html(), escape="html", newline="\r\n")
    subject = compile_part(SUBJECT, escape="text")
    levels = Precedence(defaults={}, campaign={}, execution={}, reserved={"campaign": {}, "event": {}})
    reference = liquid.Environment(autoescape=True).from_string(html())
    different = _differences(part.render, reference)

    def whole(fields: Fields) -> None:
        values = levels.fields(fields, {}, {"unsubscribe_url": fields["unsubscribe_url"]})
        part.render(values)
        subject.render_text(values)

    def theirs(fields: Fields) -> None:
        reference.render(**fields)

    times: dict[str, list[float]] = {"part": [], "whole": [], "theirs": []}
    for _ in range(runs):
        times["part"].append(_microseconds(part.render, people))
        times["whole"].append(_microseconds(whole, people))
        times["theirs"].append(_microseconds(theirs, people[:1_000]))
    median = statistics.median(times["part"])
    table.add(
        Row(
            "rendering the bench template",
            f"≤ {BAR_US:g} µs, and python-liquid's bytes",
            f"{median:.2f} µs, {COMPARED - different:,} of {COMPARED:,} equal",
            median <= BAR_US and not different,
            f"with subject and precedence of fields {statistics.median(times['whole']):.2f} µs; "
            f"python-liquid {statistics.median(times['theirs']):.1f} µs",
        )
    )


def _differences(render: Callable[[Fields], bytes], reference: liquid.BoundTemplate) -> int:
    """How many of the compared renderings differ; line ends are the mail's."""
    return sum(
        render(fields) != reference.render(**fields).replace("\n", "\r\n").encode() for fields in fields_of(COMPARED)
    )


def _microseconds(render: Callable[[Fields], object], people: list[dict[str, object]]) -> float:
    begun = time.process_time()
    for fields in people:
        render(fields)
    return (time.process_time() - begun) / len(people) * 1_000_000
