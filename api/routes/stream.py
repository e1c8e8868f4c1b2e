"""``GET /stream``: server-sent events of what changed, so that nobody has to ask again and again."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.deps import Reader
from api.feed import EventStream, Feed, Message, event_stream

router = APIRouter(tags=["stream"])


@router.get("/stream", response_class=EventStream, response_model=None, responses={200: {"model": Message}})
async def follow_stream(request: Request, caller: Reader) -> EventStream:
    """Events ``tick``, ``change`` and ``bye``; the model names the data of each."""
    feed: Feed = request.app.state.feed
    return event_stream(feed.follow(caller.scope, caller.credential))
