"""Command line of the embedded stack; `make help` lists what it is for."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

from config.embedded import keeper, stack
from config.embedded.refusal import Refusal, StopRequested


def up(arguments: argparse.Namespace) -> int:
    return stack.run_product()


def test(arguments: argparse.Namespace) -> int:
    return stack.run_suite(arguments.command)


def execute(arguments: argparse.Namespace) -> int:
    return stack.run_beside(arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command)


def reset(arguments: argparse.Namespace) -> int:
    stack.forget()
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m config.embedded", description=__doc__)
    made.add_argument("--with-parent", action="store_true", help="stop when the starting process is killed")
    commands = made.add_subparsers(required=True)
    commands.add_parser("up", help="run the whole product until Ctrl-C").set_defaults(do=up)
    for name, do, what in (
        ("test", test, "run pytest, with services of its own"),
        ("exec", execute, "run a command with the stack's environment"),
    ):
        passing = commands.add_parser(name, help=what)
        passing.add_argument("command", nargs=argparse.REMAINDER)
        passing.set_defaults(do=do)
    commands.add_parser("reset", help="forget the kept data").set_defaults(do=reset)
    return made


def stop_with_parent() -> None:
    """`make` ends before us only when it is killed."""
    keeper.prctl(keeper.PR_SET_PDEATHSIG, signal.SIGTERM)


def report(work: Callable[[], int]) -> int:
    """The exit code of `work`; a refusal is told, not traced."""
    os.umask(0o077)
    try:
        return work()
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except (StopRequested, KeyboardInterrupt):
        return 130


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parser().parse_args(arguments)
    if chosen.with_parent:
        stop_with_parent()
    return report(lambda: int(chosen.do(chosen)))


if __name__ == "__main__":
    sys.exit(main())
