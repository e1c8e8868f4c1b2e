"""``GET /stream``: server-sent events of what changed, so that nobody has to ask again and again."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from api.deps import Reader
from api.feed import Feed, Message

router = APIRouter(tags=["stream"])


class EventStream(StreamingResponse):
    """What the answer's media type is, for the OpenAPI document too."""

    media_type = "text/event-stream"


@router.get("/stream", response_class=EventStream, response_model=None, responses={200: {"model": Message}})
async def follow_stream(request: Request, caller: Reader) -> EventStream:
    """Events ``tick``, ``change`` and ``bye``; the model names the data of each."""
    feed: Feed = request.app.state.feed
    return EventStream(
        feed.follow(caller.scope, caller.credential),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )
