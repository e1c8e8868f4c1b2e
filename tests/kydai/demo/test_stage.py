"""The demonstration's folder: only its own is cleared, and everything in it is marked."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.db.models import Audit, Meta, Source, User
from core.errors import Refused
from kydai.cli.output import Output
from kydai.context import Context
from kydai.demo import stage
from kydai.demo.world import load_world
from kydai.settings import load


def test_only_a_demonstrations_folder_is_cleared(tmp_path: Path) -> None:
    stage.clear(tmp_path / "nowhere")
    folder = tmp_path / "mine"
    folder.mkdir()
    stage.clear(folder)
    (folder / "precious").touch()
    with pytest.raises(Refused, match="not the demonstration's"):
        stage.clear(folder)
    (folder / stage.MARK).touch()
    stage.clear(folder)
    assert not folder.exists()


def test_the_house_is_furnished(tmp_path: Path) -> None:
    context = Context(tmp_path, None, Output(True, "en"))
    world = load_world()
    assert context.database
    tokens = stage.furnish(context, world, context.clock.now())
    assert set(tokens) == set(world.tokens())
    with context.database.read() as session:
        assert session.get(Meta, stage.MARK) is not None
        assert {u.name for u in session.scalars(select(User))} >= {
            "admin",
            "hanhnt",
            "baotq",
            "duclm",
            "trangpt",
            "sonhv",
        }
        assert len(session.scalars(select(Source)).all()) > 50
        assert all(a.is_demo for a in session.scalars(select(Audit)))
    assert world.nat in load(tmp_path).site.shared
    assert stage.person_token(context, "hanhnt").startswith("kydai_")
    context.close()
