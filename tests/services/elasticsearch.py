"""A real Elasticsearch for tests: fetched by Maven (elasticsearch.xml beside this file), bound to 127.0.0.1.

    python -m tests.services.elasticsearch      fetch and unpack; later calls only print the folder

The archive that Maven Central has carries Elasticsearch without some modules of the free Basic licence; what
Kỳ Đài does must not need them. Where they are, it uses the type ``wildcard``: KYDAI_TEST_ELASTICSEARCH_HOME names an
unpacked distribution, with which the same tests run (CONTRIBUTING.md). KYDAI_TEST_ELASTICSEARCH names another folder to
unpack into, KYDAI_TEST_JAVA the home of a JDK 21 or newer (a JRE lacks the module jdk.jdi, which the launcher needs).
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from core.clock import SystemClock
from kydai import tls
from tests.services import missing

POM = Path(__file__).with_name("elasticsearch.xml")
_CACHE = "KYDAI_TEST_ELASTICSEARCH"
_HOME = "KYDAI_TEST_ELASTICSEARCH_HOME"
_JAVA = "KYDAI_TEST_JAVA"
_NOBODY = 65534
_LOGGING = """appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


class NotHere(Exception):
    """What is needed to run a server is missing; the text says what."""


def cache() -> Path:
    """Where unpacked servers are kept, beside one another."""
    return Path(os.environ.get(_CACHE) or Path(tempfile.gettempdir()) / f"kydai-elasticsearch-{os.getuid()}")


def install() -> Path:
    """The folder of the unpacked server, fetched on the first call if none is named; safe to call from several runs
    at once. Raises NotHere."""
    if named := os.environ.get(_HOME):
        if not (Path(named) / "lib" / "tools" / "server-launcher").is_dir():
            raise NotHere(f"an Elasticsearch of version 9 or newer in {named} ({_HOME})")
        return Path(named)
    version = re.search(r"<archive.version>(.+)</archive.version>", POM.read_text("utf-8"))
    assert version is not None
    home = cache() / version[1]
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            if shutil.which("mvn") is None:
                raise NotHere("Maven (mvn)")
            work = cache() / "unpacking"
            shutil.rmtree(work, ignore_errors=True)
            # a repository of its own, so that the archive of 950 MB is not kept after unpacking
            command = ["mvn", "-B", "-q", "-f", str(POM), "generate-resources", f"-Dcache={work}"]
            done = subprocess.run(
                [*command, f"-Dmaven.repo.local={work}/repository"], stdout=sys.stderr, timeout=1200, check=False
            )
            if done.returncode:
                raise NotHere("the archive with Elasticsearch (Maven Central)")
            unpacked = next(work.glob("*/elasticsearch"))
            subprocess.run(["chmod", "-R", "a+rX", unpacked], check=True)
            unpacked.rename(home)
            shutil.rmtree(work)
    return home


def java() -> Path:
    """The java of a JDK 21 or newer. Raises NotHere."""
    default = Path(os.path.realpath(shutil.which("java") or "java"))
    beside = sorted(default.parents[2].glob("*")) if default.is_absolute() else []
    named = [Path(value) for name in (_JAVA, "JAVA_HOME") if (value := os.environ.get(name))]
    for home in (*named, *beside):
        release = (home / "release").read_text("utf-8") if (home / "release").exists() else ""
        version = re.search(r'JAVA_VERSION="(\d+)', release)
        if version is not None and int(version[1]) >= 21 and "jdk.jdi" in release:
            return home / "bin" / "java"
    raise NotHere(f"a JDK 21 or newer ({_JAVA} may name its home)")


class Node:
    """One server process. All that it writes is under ``folder``, which must be one that others may enter."""

    def __init__(
        self,
        folder: Path,
        http_port: int,
        transport_port: int,
        *,
        name: str = "n1",
        seeds: Mapping[str, int] | None = None,
        repo: Path | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.name = folder.resolve(), name
        self.url = f"http://127.0.0.1:{http_port}"
        self._opener = urllib.request.build_opener()
        self.repo = repo or self.folder / "repo"
        self.process: subprocess.Popen[bytes] | None = None
        self.pid = 0
        members = seeds or {name: transport_port}
        self.settings: dict[str, Any] = {
            "cluster.name": f"kydai-test-{http_port}",
            "node.name": name,
            "network.host": "127.0.0.1",
            "http.port": http_port,
            "transport.port": transport_port,
            "discovery.seed_hosts": [f"127.0.0.1:{port}" for port in members.values()],
            "cluster.initial_master_nodes": list(members),  # only looked at by the first start of a cluster
            "path.data": f"{self.folder}/data",
            "path.logs": f"{self.folder}/logs",
            "path.repo": [str(self.repo)],
            "xpack.security.enabled": False,
            "cluster.routing.allocation.disk.threshold_enabled": False,  # a full disk must not block the tests
            "cluster.info.update.interval": "1h",  # at each, a server without thresholds lifts the blocks of full disks
            # the serial collector lets garbage lie, and the breaker would take it for used
            "indices.breaker.total.use_real_memory": False,
        }
        self.settings |= settings or {}

    def start(self, wait: str = "green") -> Node:
        """Start it and, if ``wait`` is a status of health, wait for that."""
        home, binary = install(), java()
        config, temp = self.folder / "config", self.folder / "tmp"
        for made in (config, temp, self.folder / "data", self.folder / "logs", self.repo):
            made.mkdir(parents=True, exist_ok=True)
        (config / "elasticsearch.yml").write_text(json.dumps(self.settings, indent=1), "utf-8")  # JSON is YAML, too
        (config / "log4j2.properties").write_text(_LOGGING, "utf-8")
        # the serial collector and the first compiler start fastest on few cores
        options = ["-Xms512m", "-Xmx512m", f"-Djava.io.tmpdir={temp}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        (config / "jvm.options").write_text("\n".join([*options, "-XX:+ExitOnOutOfMemoryError", ""]), "utf-8")
        launcher = ["-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Djava.io.tmpdir={temp}"]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(temp),
            "JAVA": str(binary),
            "JAVA_TYPE": "ES_JAVA_HOME",
            "CLI_JAVA_OPTS": " ".join(launcher),
            "ES_HOME": str(home),
            "ES_PATH_CONF": str(config),
            "ES_TMPDIR": str(temp),
            "ES_DISTRIBUTION_TYPE": "zip",
        }
        user: dict[str, Any] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
            subprocess.run(["chown", "-R", f"{_NOBODY}:{_NOBODY}", self.folder, self.repo], check=True)
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(binary), *launcher, "-cp", f"{home}/lib/tools/server-launcher/*",
                 "org.elasticsearch.server.launcher.ServerLauncher"],
                cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                **user,
            )  # fmt: skip
        if wait:
            self.wait(wait)
        return self

    def get(self, path: str) -> Any:
        """A GET of the server's HTTP API."""
        with self._opener.open(self.url + path, timeout=10) as response:
            return json.load(response)

    def wait(self, status: str = "green", seconds: float = 180) -> None:
        """Until the cluster has that health; a lone node that holds replicas only gets to ``yellow``."""
        assert self.process is not None
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(urllib.error.URLError, OSError):  # not listening, or 408: not of that status yet
                self.get(f"/_cluster/health?wait_for_status={status}&timeout=2s")
                nodes = self.get("/_nodes/_local/process")["nodes"]
                self.pid = int(next(iter(nodes.values()))["process"]["id"])  # self.process is only its launcher
                return
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise AssertionError(f"{self.name} did not become {status}: see {self.folder / self.name}.log")
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL to the server: no chance to flush or to say good-bye."""
        assert self.process is not None
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()  # the launcher hands it on and waits for the orderly shutdown
            self.process.wait()

    def __enter__(self) -> Node:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


class SecureNode(Node):
    """A node with security on: TLS by a CA of its own, a file realm with one superuser, API keys."""

    user, password = "admin", "only-for-this-test"

    def __init__(self, folder: Path, http_port: int, transport_port: int) -> None:
        on = {"enabled": True, "certificate": "http.pem", "key": "http.key"}
        settings = {f"xpack.security.http.ssl.{name}": value for name, value in on.items()}
        settings |= {"xpack.security.enabled": True, "xpack.security.autoconfiguration.enabled": False}
        super().__init__(folder, http_port, transport_port, settings=settings)
        self.url = f"https://127.0.0.1:{http_port}"
        config = self.folder / "config"
        config.mkdir(parents=True)
        identity = tls.local(self.folder / "tls", ["127.0.0.1"], SystemClock().now())
        shutil.copy(identity.certificate, config / "http.pem")
        shutil.copy(identity.key, config / "http.key")
        self.ca = self.folder / "tls" / "ca.pem"
        salt = os.urandom(32)
        digest = hashlib.pbkdf2_hmac("sha512", self.password.encode(), salt, 1000, 32)
        told = "$".join(base64.b64encode(each).decode() for each in (salt, digest))
        (config / "users").write_text(f"{self.user}:{{PBKDF2}}1000${told}\n", "ascii")
        (config / "users_roles").write_text(f"superuser:{self.user}\n", "ascii")
        context = ssl.create_default_context(cafile=self.ca)
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        basic = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        self._opener.addheaders = [("Authorization", f"Basic {basic}")]


def free_port() -> int:
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return int(tcp.getsockname()[1])


@contextmanager
def node(settings: Mapping[str, Any] | None = None) -> Iterator[Node]:
    """One running node in a folder of its own that is removed afterwards; skips or fails when it cannot be had."""
    with _folder() as folder, Node(folder / "n1", free_port(), free_port(), settings=settings) as started:
        yield started


@contextmanager
def secure_node() -> Iterator[SecureNode]:
    """As ``node``, with security on."""
    with _folder() as folder, SecureNode(folder / "n1", free_port(), free_port()) as started:
        assert isinstance(started, SecureNode)
        yield started


@contextmanager
def cluster(size: int = 3) -> Iterator[list[Node]]:
    """The running nodes of one cluster, as ``node`` does."""
    with _folder() as folder:
        seeds = {f"n{i + 1}": free_port() for i in range(size)}
        nodes = [
            Node(folder / name, free_port(), port, name=name, seeds=seeds, repo=folder / "repo",
                 settings={"cluster.name": "kydai-test-cluster"})
            for name, port in seeds.items()
        ]  # fmt: skip
        try:
            for one in nodes:
                one.start(wait="")
            for one in nodes:
                one.wait()
            yield nodes
        finally:
            for one in nodes:
                one.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    try:
        install()
        java()
    except NotHere as error:
        missing(str(error))
    folder = Path(tempfile.mkdtemp(prefix="kydai-es-"))
    folder.chmod(0o755)  # the server's user must be able to enter
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        print(install())
        java()
    except NotHere as problem:
        sys.exit(f"missing: {problem}")
