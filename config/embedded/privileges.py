"""PostgreSQL refuses to run as root. For root: a user namespace, else a system user without rights."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config.embedded.kept import Account
from config.embedded.refusal import Refusal

NOBODY = 65534
ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True)
class Unprivileged:
    """How to run a command that must not be root: what goes before it, or the account to run it as."""

    prefix: tuple[str, ...] = ()
    account: Account | None = None

    def own(self, path: Path) -> None:
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)


def unprivileged(program: Path, home: Path, stop_signal: signal.Signals) -> Unprivileged:
    """For running `program` on files below `home`; raises Refusal where there is no way."""
    if os.geteuid() != 0:
        return Unprivileged()
    return in_namespace(stop_signal) or as_account(program, home)


def in_namespace(stop_signal: signal.Signals) -> Unprivileged | None:
    """In a namespace of its own root looks like nobody: no new user, no change of owner, works below a 0700 home."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    prefix = [unshare, "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
        return None
    setpriv = shutil.which("setpriv")
    # Entering the namespace clears the parent-death signal, so it is set again inside.
    again = [setpriv, "--pdeathsig", stop_signal.name.removeprefix("SIG"), "--"] if setpriv else []
    return Unprivileged(prefix=(*prefix, *again))


def as_account(program: Path, home: Path) -> Unprivileged:
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        account = Account(name, entry.pw_uid, entry.pw_gid)
        if can_run(account, program):
            open_the_way(home)
            if reaches(account, home):
                return Unprivileged(account=account)
    accounts = " or ".join(ACCOUNTS)
    raise Refusal(
        f"PostgreSQL refuses to run as root. User namespaces are denied here, and no system user ({accounts}) "
        f"can reach both {program} and {home}. Run this as an ordinary user, or put the checkout and VOLLEY_STATE_DIR "
        "where others may enter (such as /srv), or set DATABASE_URL to a PostgreSQL of your own."
    )


def can_run(account: Account, program: Path) -> bool:
    return succeeds_as(account, [str(program), "--version"])


def reaches(account: Account, folder: Path) -> bool:
    return succeeds_as(account, ["test", "-x", str(folder)])


def succeeds_as(account: Account, argv: list[str]) -> bool:
    run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run
    try:
        done = run(argv, capture_output=True, user=account.uid, group=account.gid, extra_groups=[], cwd="/")
    except OSError:
        return False
    return done.returncode == 0


def open_the_way(home: Path) -> None:
    """Let the account pass through our two private folders, without letting it list them."""
    for folder in (home, home.parent):
        folder.chmod(0o711)
