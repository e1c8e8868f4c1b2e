"""A data folder of its own for each test, with one local rule and no service beside it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kydai.cli.output import Output
from kydai.context import Context
from kydai.pipeline import Parts
from kydai.pipeline_process import parts_of

RULE = """\
title: Test sign-in failure
id: 11111111-1111-4111-8111-111111111111
name: test_sign_in_failure
status: test
level: high
logsource: {product: linux, service: sshd}
detection:
  selection:
    event.outcome: failure
  condition: selection
"""


@contextmanager
def with_rule(data: Path) -> Iterator[Context]:
    """A new data folder with the one rule."""
    made = Context(data, None, Output(True, "en"))
    local = made.settings.rules_folder / "local"
    local.mkdir(parents=True)
    (local / "sign_in_failure.yml").write_text(RULE)
    yield made
    made.close()


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with with_rule(tmp_path / "data") as made:
        yield made


@pytest.fixture
def parts(context: Context) -> Parts:
    return parts_of(context)


_MOUNT = ("mount", "-t", "tmpfs", "-o", "size=256k", "none")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KB."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run([*_MOUNT, place], capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", place], check=False)
