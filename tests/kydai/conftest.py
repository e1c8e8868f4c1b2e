"""A data folder of its own for each test, with one local rule and no service beside it."""

from __future__ import annotations

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
