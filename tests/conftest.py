"""Options for all tests, what several of them share, and which files stay on one core."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.db.database import Database, migrate, open_database, sqlite_url
from tests.demonstration import Shown, play_once
from tests.services import elasticsearch

os.environ["KYDAI_LANG"] = "en"  # kydai.cli.main reads the language once, when it is imported


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos-rounds", type=int, default=2, help="how often everything is killed (make chaos: 200)")
    parser.addoption("--correlations", type=int, default=1_000, help="random streams of hits correlated (long: 10000)")
    parser.addoption("--language-cases", type=int, default=20_000, help="events compared on engines (long: 500000)")
    parser.addoption("--windows-events", type=int, default=2_000, help="of real traffic, in both shapes (all: 100000)")
    parser.addoption("--quiet-days", type=int, default=0, help="whole days without an attack are judged (long: 4)")
    parser.addoption("--hunted-rules", type=int, default=20, help="rules of SigmaHQ hunted on engines (long: 300)")


STARTED_ONCE = {"elastic": "elasticsearch", "secured": "elasticsearch", "shared_house": "console", "shown": "demo"}
"""What takes long to start or much memory, and the group of files that it is started for."""
TOGETHER = {
    "elasticsearch": (
        "tests/chaos/test_elastic_", "tests/core/query/test_dsl_script.py", "tests/core/query/test_to_dsl.py",
        "tests/core/store/test_elastic", "tests/core/test_moving.py", "tests/core/test_proving.py",
        "tests/core/test_rejected.py", "tests/kydai/cli/test_doctor.py", "tests/kydai/cli/test_store_move.py",
        "tests/kydai/test_books.py", "tests/kydai/test_context.py", "tests/test_elastic_benches.py",
        "tests/detections/test_hunting.py", "tests/kydai/test_beaconing.py",
    ),
    "console": tuple(
        f"tests/console/test_{name}.py"
        for name in (
            "detections", "entity", "every_screen", "exceptions", "exports", "house_screens", "hunt", "hunt_saved",
            "hunt_truth", "access", "incident", "keyboard", "lan", "night", "notices", "queue", "rule_editor",
            "rule_packages", "shift", "sign_in", "sources", "speed",
        )
    ),
    "demo": ("tests/kydai/demo/test_run.py", "tests/reports/test_of_the_demonstration.py"),
}  # fmt: skip
"""Groups by the beginnings of their files' names; each other file is a group of its own."""


def group_of(nodeid: str) -> str:
    """What runs on one core, so that nothing is started twice."""
    found = (group for group, names in TOGETHER.items() if nodeid.startswith(names))
    return next(found, nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole groups go to whoever is free, in the order of ``pytest_collection_modifyitems``."""
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = group_of
    return scheduler


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse what would be started on both cores; with two cores, what takes longest goes first."""
    slow = {group_of(item.nodeid) for item in items if item.get_closest_marker("slow")}
    for item in items:
        named: Sequence[str] = getattr(item, "fixturenames", ())  # parameters, too
        own: Mapping[str, object] = getattr(getattr(item, "callspec", None), "params", {})
        for fixture in STARTED_ONCE.keys() & (set(named) - own.keys()):
            if group_of(item.nodeid) != STARTED_ONCE[fixture]:
                raise pytest.UsageError(f"{item.nodeid} uses {fixture}: name its file in tests/conftest.py, TOGETHER")
    if hasattr(config, "workerinput"):
        order = [*TOGETHER, *sorted(slow - TOGETHER.keys())]
        rank = {group: at for at, group in enumerate(order)}
        items.sort(key=lambda item: rank.get(group_of(item.nodeid), len(rank)))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A control database without a row, to be copied: the migrations take 60 ms."""
    folder = tmp_path_factory.mktemp("empty")
    database = open_database(sqlite_url(folder))
    migrate(database)
    database.close()
    return folder / "control.sqlite"


@pytest.fixture
def database(tmp_path: Path, empty_database: Path) -> Iterator[Database]:
    """The control database of ``tmp_path``, without a row."""
    shutil.copy(empty_database, tmp_path)
    database = open_database(sqlite_url(tmp_path))
    yield database
    database.close()


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """`make demo ARGS=--once`, played once for all tests that look at it; nobody changes its folder."""
    folder: Path = tmp_path_factory.mktemp("demo") / "data"
    return play_once(folder)


@pytest.fixture(scope="session")
def elastic() -> Iterator[elasticsearch.Node]:
    """One running Elasticsearch for all tests, which use names of their own in it and do not stop it.

    KYDAI_TEST_ELASTICSEARCH_URL names one that runs already, to try a single test again and again.
    """
    if url := os.environ.get("KYDAI_TEST_ELASTICSEARCH_URL"):
        there = elasticsearch.Node(Path(), 0, 0)
        there.url = url
        yield there
        return
    with elasticsearch.node() as started:
        yield started


@pytest.fixture(scope="session")
def secured() -> Iterator[elasticsearch.SecureNode]:
    """One running Elasticsearch with security on (TLS, API keys), shared as ``elastic`` is."""
    with elasticsearch.secure_node() as started:
        yield started
