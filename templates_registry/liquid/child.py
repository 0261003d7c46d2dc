"""Checking and rendering what someone is typing, in a process of its own with limits on CPU, memory and time.

    python -m templates_registry.liquid.child < request.json > answer.json

The process imports no Django and gets no environment, so there is nothing in it to take. A plain subprocess, because
Celery's children are daemonic and may not use multiprocessing.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from templates_registry.liquid.checks import check
from templates_registry.liquid.limits import LimitExceeded, MissingVariable, RenderError
from templates_registry.liquid.links import html_problems
from templates_registry.liquid.part import Escape, compile_part
from templates_registry.liquid.problems import Problem
from templates_registry.liquid.variables import Variable, variables

CPU_SECONDS = 1.0
WALL_SECONDS = 10.0
"""Beyond the CPU limit, for a machine that is busy with other things."""
MEMORY_BYTES = 256 * 1024 * 1024
MOST_SEEN = 100
"""Links and images that are named; a page of thousands is not better known by more."""
_HARDEST_SECONDS = 60
"""What no child can lift; it is stopped long before."""
_ROOT = Path(__file__).resolve().parents[2]
_AT = "part: "
_TOO_SLOW = f"The template took longer than {CPU_SECONDS:g} s."
_NOT_READ = f"The HTML takes longer than {CPU_SECONDS:g} s to read: its links and images were not looked at."
_TOO_BIG = f"The template needs more than {MEMORY_BYTES // 2**20} MB of memory."


@dataclass(frozen=True, slots=True)
class PartSource:
    """One part as it is typed: its name, its Liquid, and how its values are escaped."""

    name: str
    source: str
    escape: Escape = "text"


@dataclass(frozen=True, slots=True)
class Preview:
    """What came of it. `rendered` holds the parts that could be rendered, blanks included.

    `missing` names the variables for which the recipient would be skipped, one a part at most. `variables` are those
    of each part that is Liquid.
    """

    rendered: dict[str, str]
    problems: list[Problem]
    missing: list[str]
    variables: dict[str, list[Variable]] = field(default_factory=dict)

    @property
    def errors(self) -> list[Problem]:
        """The problems that forbid publishing."""
        return [problem for problem in self.problems if problem.level == "error"]


def check_in_child(parts: Sequence[PartSource]) -> list[Problem]:
    """`check` of each part, and whether it compiles, in a child. Takes about a third of a second."""
    return _ask(parts, None).problems


def preview_in_child(parts: Sequence[PartSource], fields: Mapping[str, object]) -> Preview:
    """`check` and one rendering of each part for `fields` (plain JSON values), in a child."""
    return _ask(parts, fields)


def _ask(parts: Sequence[PartSource], fields: Mapping[str, object] | None) -> Preview:
    request = json.dumps({"parts": [asdict(part) for part in parts], "fields": fields}).encode()
    command = [sys.executable, "-m", "templates_registry.liquid.child"]
    try:
        done = subprocess.run(
            command,
            input=request,
            capture_output=True,
            timeout=WALL_SECONDS,
            cwd=_ROOT,
            env=_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return _answered(error.stdout) or _failed(_last_line(error.stderr), "too_slow", _TOO_SLOW)
    if done.returncode in (-signal.SIGXCPU, -signal.SIGVTALRM):
        return _answered(done.stdout) or _failed(_last_line(done.stderr), "too_slow", _TOO_SLOW)
    return _answered(done.stdout) or _failed(_last_line(done.stderr), "too_much_memory", _TOO_BIG)


def _answered(stdout: bytes | None) -> Preview | None:
    """What the child said: its answer, and as a second line what it saw in the HTML, where it came so far."""
    lines = (stdout or b"").split(b"\n")
    if len(lines) < 2:
        return None
    preview = _preview(json.loads(lines[0]))
    if preview.errors:
        return preview
    if len(lines) > 2:
        preview.problems.extend(Problem(**item) for item in json.loads(lines[1]))
    else:
        hint = "Check that its tags, comments and quotes are closed."
        preview.problems.append(Problem("html", None, None, "html_not_read", _NOT_READ, hint, "warn"))
    return preview


def _preview(answer: dict[str, Any]) -> Preview:
    found = {name: [_variable(item) for item in items] for name, items in answer["variables"].items()}
    return Preview(answer["rendered"], [Problem(**item) for item in answer["problems"]], answer["missing"], found)


def _variable(item: dict[str, Any]) -> Variable:
    return Variable(item["name"], tuple(item["paths"]), required=item["required"], lines=tuple(item["lines"]))


def _last_line(stderr: bytes | None) -> str:
    """The part that the child was at: it says each one before it begins."""
    names = [line for line in (stderr or b"").decode(errors="replace").splitlines() if line.startswith(_AT)]
    return names[-1].removeprefix(_AT) if names else ""


def _failed(part: str, code: str, message: str) -> Preview:
    hint = "Use fewer or smaller loops, and fewer filters that make text longer."
    return Preview({}, [Problem(part, None, None, code, message, hint)], [])


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TZ") if name in os.environ}
    return {**kept, "PYTHONUTF8": "1", "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def main() -> None:
    """Answer the one request on standard input."""
    request = json.loads(sys.stdin.buffer.read())
    _limit()
    parts = [PartSource(**item) for item in request["parts"]]
    try:
        answer = json.dumps(_answer(parts, request["fields"]))
    except MemoryError:
        answer = json.dumps(asdict(_failed("", "too_much_memory", _TOO_BIG)))
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()
    if '"level": "error"' not in answer:
        # Last, and with as much time again: Python's HTML parser takes quadratic time over tags that are never closed.
        _limit_time()
        sys.stdout.write(f"{json.dumps(_seen_in_html(parts))}\n")


def _seen_in_html(parts: Sequence[PartSource]) -> list[dict[str, object]]:
    pages = [part for part in parts if part.escape == "html" and part.source.strip()]
    found = [problem for part in pages for problem in html_problems(part.source, part=part.name)]
    return [problem.as_json() for problem in found[:MOST_SEEN]]


def _limit_time() -> None:
    # What starting took doesn't count: the timer runs from here, and the hard limit is there in case it doesn't.
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + CPU_SECONDS) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, _HARDEST_SECONDS))


def _limit() -> None:
    _limit_time()
    memory = _address_space() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _address_space() -> int:
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return MEMORY_BYTES


def _answer(parts: Sequence[PartSource], fields: Mapping[str, object] | None) -> dict[str, object]:
    rendered: dict[str, str] = {}
    problems: list[Problem] = []
    missing: list[str] = []
    names: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        print(f"{_AT}{part.name}", file=sys.stderr, flush=True)  # noqa: T201 - tells the parent where it is
        found = check(part.source, part=part.name)
        problems += found
        if any(problem.level == "error" for problem in found):
            continue
        names[part.name] = [asdict(variable) for variable in variables(part.source)]
        try:
            _render(part, fields, rendered, missing)
        except (LimitExceeded, RenderError) as error:
            line = error.line if isinstance(error, RenderError) else None
            hint = "Check the values it was rendered with."
            problems.append(Problem(part.name, line, None, "render_error", str(error), hint))
    listed = [asdict(problem) for problem in problems]
    return {"rendered": rendered, "problems": listed, "missing": missing, "variables": names}


def _render(
    part: PartSource, fields: Mapping[str, object] | None, rendered: dict[str, str], missing: list[str]
) -> None:
    strict = compile_part(part.source, escape=part.escape)
    if fields is None:
        return
    try:
        strict.render(fields)
    except MissingVariable as error:
        missing.append(error.name)
    rendered[part.name] = compile_part(part.source, escape=part.escape, strict=False).render_text(fields)


if __name__ == "__main__":
    main()
