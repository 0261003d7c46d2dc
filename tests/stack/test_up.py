"""`make up`: the real supervisor, PostgreSQL and Valkey, with stand-ins for the product's processes."""

import shutil
import signal
import socket
import stat
from pathlib import Path

import psycopg
import pytest
import redis

from tests.stack.running_stack import RunningStack
from tests.waiting import wait_until


def database_is_empty(stack: RunningStack) -> bool:
    with psycopg.connect(stack.web()["environment"]["DATABASE_URL"]) as connection:
        return connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)


def test_says_that_it_is_ready_only_once_the_web_server_answers(running: RunningStack) -> None:
    assert running.web() is not None
    assert f"ready at http://127.0.0.1:{running.port}/" in running.said()


def test_gives_the_product_a_working_database_and_valkey(running: RunningStack) -> None:
    environment = running.web()["environment"]
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_neither_service_answers_without_its_password(running: RunningStack) -> None:
    environment = running.web()["environment"]
    port = environment["REDIS_URL"].rpartition(":")[2].partition("/")[0]
    with redis.Redis(port=int(port)) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    place = environment["DATABASE_URL"].rpartition("@")[2]
    with pytest.raises(psycopg.OperationalError, match="no password"):
        psycopg.connect(f"postgres://volley@{place}", passfile="/dev/null")


def test_keeps_its_folder_and_secrets_to_itself(running: RunningStack) -> None:
    assert stat.S_IMODE(running.folder.stat().st_mode) & 0o066 == 0
    assert stat.S_IMODE((running.folder / "embedded").stat().st_mode) & 0o066 == 0
    files = [path for path in running.folder.rglob("*") if path.is_file()]
    assert [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_a_second_start_is_refused_naming_pid_and_port(running: RunningStack) -> None:
    second = running.command("up")
    assert second.returncode == 1
    assert f"pid {running.pid} on port {running.port}" in second.stderr
    assert running.web() is not None


def test_a_port_that_another_program_has_is_told(stack: RunningStack) -> None:
    with socket.create_server(("127.0.0.1", stack.port)):
        stack.begin()
        assert stack.wait() == 1
    assert f"Port {stack.port} on 127.0.0.1 cannot be used" in stack.said()
    assert "VOLLEY_PORT=" in stack.said()


def test_a_port_that_is_none_is_told(stack: RunningStack) -> None:
    stack.environment["VOLLEY_PORT"] = "eighty"
    stack.begin()
    assert stack.wait() == 1
    assert "VOLLEY_PORT is 'eighty'" in stack.said()


@pytest.mark.parametrize("victim", ["stub_web.py", "valkey-server", "bin/postgres -D"])
def test_a_killed_child_is_started_again(running: RunningStack, victim: str) -> None:
    before = running.pid_of(victim)
    running.kill(before)
    wait_until(lambda: running.pid_of(victim) not in (0, before), f"{victim} is back")
    wait_until(running.web, "the web server answers")
    environment = running.web()["environment"]
    wait_until(lambda: answers(environment), "both services answer at their old addresses")
    assert "starting it again" in running.said()


def answers(environment: dict[str, str]) -> bool:
    try:
        psycopg.connect(environment["DATABASE_URL"]).close()
        with redis.Redis.from_url(environment["REDIS_URL"]) as client:
            return bool(client.ping())
    except (psycopg.OperationalError, redis.ConnectionError):
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_being_asked_to_stop_ends_everything(stack: RunningStack, number: signal.Signals) -> None:
    stack.start()
    stack.send(number)
    assert stack.wait() == 0
    assert stack.survivors() == set()


def test_a_killed_supervisor_leaves_nobody_behind(stack: RunningStack) -> None:
    stack.start()
    assert len(stack.pids()) > 8
    stack.send(signal.SIGKILL)
    stack.wait()
    wait_until(lambda: not stack.survivors(), "all its processes have ended")


def test_starts_again_right_after_being_killed(stack: RunningStack) -> None:
    stack.start()
    stack.send(signal.SIGKILL)
    stack.wait()
    stack.start()
    assert stack.web() is not None


def test_being_stopped_while_starting_leaves_nobody_behind(new_stack: RunningStack) -> None:
    code = 0
    for _ in range(10):  # where it was ready before this process saw it begin, once more from nothing
        shutil.rmtree(new_stack.folder, ignore_errors=True)
        new_stack.begin()
        wait_until(lambda: new_stack.pid_of("initdb") or "ready at" in new_stack.said(), "the cluster is being made")
        new_stack.send(signal.SIGINT)
        code = new_stack.wait()
        assert new_stack.survivors() == set()
        if code:
            break
    assert code == 130
    assert "ready at" in new_stack.start().said()


def test_data_is_kept_until_it_is_reset(stack: RunningStack) -> None:
    with psycopg.connect(stack.start().web()["environment"]["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept ()")
    stack.end()
    stack.start()
    assert not database_is_empty(stack)
    refused = stack.command("reset")
    assert refused.returncode == 1
    assert f"pid {stack.pid}" in refused.stderr
    stack.end()
    assert stack.command("reset").returncode == 0
    stack.start()
    assert database_is_empty(stack)


def test_a_half_made_cluster_is_not_used(new_stack: RunningStack) -> None:
    for leftover in ("postgres", "postgres.new"):
        (new_stack.folder / "embedded" / leftover / "base").mkdir(parents=True)
    assert database_is_empty(new_stack.start())


def test_a_stale_pid_file_does_not_stop_postgres(stack: RunningStack) -> None:
    stack.start()
    stack.end()
    pid_file = stack.folder / "embedded" / "postgres" / "postmaster.pid"
    pid_file.write_text("1\n")
    assert answers(stack.start().web()["environment"])


def test_a_given_database_url_replaces_postgres_alone(stack: RunningStack) -> None:
    stack.environment["DATABASE_URL"] = "postgres://somewhere/else"
    environment = stack.start().web()["environment"]
    assert environment["DATABASE_URL"] == "postgres://somewhere/else"
    assert (stack.pid_of("bin/postgres"), stack.pid_of("valkey-server") > 0) == (0, True)


def test_a_given_redis_url_replaces_valkey_alone(stack: RunningStack) -> None:
    stack.environment["REDIS_URL"] = "redis://somewhere/3"
    environment = stack.start().web()["environment"]
    assert environment["REDIS_URL"] == "redis://somewhere/3"
    assert (stack.pid_of("bin/postgres") > 0, stack.pid_of("valkey-server")) == (True, 0)


def test_a_process_that_ends_while_starting_stops_the_start_and_shows_why(stack: RunningStack) -> None:
    stack.environment["STUB_WEB"] = "broken"
    stack.begin()
    assert stack.wait() == 1
    assert "web ended while starting" in stack.said()
    assert "the reason, in its own words" in stack.said()


def test_a_setup_step_is_run_once(stack: RunningStack) -> None:
    assert "greeting done" in stack.start().said()
    stack.end()
    assert "greeting done" not in stack.start().said()
    assert "greetings from the demo" in stack.said()


def test_a_command_gets_the_environment_of_the_running_stack(running: RunningStack) -> None:
    shown = running.command("exec", "--", "env").stdout
    assert f"DATABASE_URL={running.web()['environment']['DATABASE_URL']}\n" in shown


def test_a_command_gets_services_of_its_own_when_nothing_runs(stack: RunningStack) -> None:
    done = stack.command("exec", "--", "sh", "-c", 'echo "$DATABASE_URL"; exit 7')
    assert done.returncode == 7
    assert "postgres://volley:" in done.stdout


def test_root_without_user_namespaces_runs_postgres_as_another_account_or_says_what_to_do(
    new_stack: RunningStack, tmp_path: Path
) -> None:
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\nexit 1\n")
    refusing.chmod(0o755)
    new_stack.environment["PATH"] = f"{tmp_path}:{new_stack.environment['PATH']}"
    new_stack.begin()
    wait_until(lambda: "greetings" in new_stack.said() or new_stack.has_ended(), "it is ready or has refused")
    assert not new_stack.has_ended() or "set DATABASE_URL" in new_stack.said()


def test_is_stopped_with_the_make_that_started_it(stack: RunningStack) -> None:
    stack.under_parent = True
    stack.start()
    stack.send(signal.SIGKILL)
    stack.wait()
    wait_until(lambda: not stack.survivors(), "the supervisor and all its processes have ended")
