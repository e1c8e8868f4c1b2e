from __future__ import annotations

import orjson

from core.store.reindex import Reindexing, ReindexStage


def test_how_far_it_is_comes_back_as_it_went() -> None:
    state = Reindexing("kydai-level3-2026.w48", ReindexStage.SWITCHING, 5, 9, 2)
    found = Reindexing.of(orjson.loads(orjson.dumps(state.document())))
    assert found == state
    assert type(found.stage) is ReindexStage
