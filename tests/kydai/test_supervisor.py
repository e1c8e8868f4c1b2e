"""The whole of ``kydai up``, as a sysadmin meets it: started, used, hurt, and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import orjson
import pytest

from kydai.cli.output import Output
from kydai.context import Context
from kydai.supervisor import ORDER, Supervisor
from tests.kydai.running import Running, running, settings_of, until
from tests.services import program


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("up") / "data") as started:
        yield started


def send(system: Running, text: str) -> None:
    with socket.create_connection(("127.0.0.1", system.syslog)) as tcp:
        tcp.sendall(text.encode() + b"\n")


def test_a_line_by_syslog_and_one_by_http_are_found(system: Running) -> None:
    token = system.kydai("users", "token", "web01").stdout.strip()
    send(system, "<38>Nov 25 08:00:00 web01 sshd[7]: Accepted password for hanhnt from 192.0.2.1 port 22 ssh2")
    answer = httpx.post(
        f"{system.url}/api/v1/ingest",
        headers={"authorization": f"Bearer {token}"},
        content='{"message": "một dòng của riêng tôi", "host.name": "may-01"}\n'.encode(),
        timeout=30,
    )
    assert answer.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    until(lambda: system.count("user.name: hanhnt") == 1)
    until(lambda: system.count("rieng and toi") == 1)


def test_a_wrong_token_is_refused(system: Running) -> None:
    answer = httpx.post(f"{system.url}/api/v1/ingest", headers={"authorization": "Bearer x"}, content=b"{}", timeout=30)
    assert answer.status_code == 401


def test_a_second_system_gateway_and_api_are_refused_and_the_first_goes_on(system: Running) -> None:
    second = system.kydai("up")
    assert second.returncode == 1
    assert "already running" in second.stderr
    assert f"process {system.process.pid}" in second.stderr
    for name in ("gateway", "api"):
        command = [sys.executable, "-m", "kydai.process", name]
        ports = {"KYDAI_HTTP_PORT": "0", "KYDAI_SYSLOG_PORT": "0", "KYDAI_NETFLOW_PORT": "0"}
        alone = subprocess.run(command, env=system.environment | ports, capture_output=True, timeout=120, check=False)
        assert alone.returncode == 1
        assert "another process of Kỳ Đài is using" in orjson.loads(alone.stdout)["error"]["en"]
    assert system.process.poll() is None
    assert [len(system.pids(name)) for name in ORDER] == [1] * len(ORDER)


@pytest.mark.parametrize("name", ["pipeline", "gateway"])
def test_a_killed_process_is_started_again_and_loses_nothing(system: Running, name: str) -> None:
    (pid,) = system.pids(name)
    send(system, f"<38>Nov 25 08:00:00 web01 sshd[7]: Accepted password for before_{name} from 192.0.2.1 port 22 ssh2")
    until(lambda: system.count(f"user.name: before_{name}") == 1)
    os.kill(pid, signal.SIGKILL)
    until(lambda: system.pids(name) not in ([], [pid]), 60)

    def sent() -> bool:
        try:
            send(
                system,
                f"<38>Nov 25 08:00:00 web01 sshd[7]: Accepted password for after_{name} from 192.0.2.1 port 22 ssh2",
            )
        except OSError:
            return False
        return True

    until(sent, 60)
    until(lambda: system.count(f"user.name: after_{name}") >= 1, 60)
    assert system.count(f"user.name: before_{name}") == 1
    assert system.kydai("sources", "ledger").returncode == 0


def test_health_says_ready(system: Running) -> None:
    until(lambda: httpx.get(f"{system.url}/api/v1/health", timeout=30).json()["status"] == "ready", 60)


def test_it_stops_when_told_and_its_processes_with_it(system: Running) -> None:
    """The last of those that look at ``system``."""
    pids = [pid for name in ORDER for pid in system.pids(name)]
    assert len(pids) == len(ORDER)
    system.process.send_signal(signal.SIGTERM)
    assert system.process.wait(60) == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


AS_FIRST = """
import os
from kydai.cli.output import Output
from kydai.context import Context
from kydai.supervisor import Supervisor

context = Context(None, None, Output(True, "en"))
context.database
supervisor = Supervisor(context.settings)
facts = supervisor.start()
supervisor.stop()
print(os.getpid(), facts["api"]["url"])
"""


def test_it_may_be_the_first_process_of_a_container(tmp_path: Path) -> None:
    environment = settings_of(tmp_path / "data")
    command = [program("unshare"), "--pid", "--fork", "--kill-child", sys.executable, "-c", AS_FIRST]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == f"1 http://127.0.0.1:{environment['KYDAI_HTTP_PORT']}\n", done.stderr


def test_who_stops_what_did_not_start_may_stop_it_again(tmp_path: Path) -> None:
    context = Context(tmp_path / "d", None, Output(True, "en"))
    context.settings.data.mkdir(parents=True, exist_ok=True)
    first = Supervisor(context.settings, None)
    first.stop()
    first.stop()
    Supervisor(context.settings, None).stop()
    context.close()
