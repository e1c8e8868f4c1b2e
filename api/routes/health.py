"""``GET /health``: ready, or what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from fastapi import APIRouter, Request, Response

from api import house
from api.deps import Open, Services, Svc, identify
from api.errors import Unauthenticated
from api.shapes import Bilingual, Shape, Time
from core.accounts import TokenScope
from core.clock import SECOND

router = APIRouter(tags=["health"])


class Ailment(Shape):
    """Something that is not as it should be."""

    key: str
    text: Bilingual
    is_fatal: bool
    is_urgent: bool
    """Somebody has to act, although everything works."""


class Health(Shape):
    """``not_ready`` comes with status 503; ``degraded`` works and has something to say."""

    status: Literal["ready", "degraded", "not_ready"]
    ailments: list[Ailment]
    now: Time
    data_until: Time | None
    """Everything that arrived up to here is judged and searchable."""
    lag_seconds: float | None
    """Age of the oldest raw that is not judged yet."""
    lags: dict[str, float]
    """Seconds: of each spool by its name, of the oldest hit that is not correlated (``hits``), of the oldest due work
    (``work``)."""
    dead_work: int
    """Pieces of work that failed in every attempt; ``kydai doctor`` lists them."""
    is_demo: bool
    version: str


def read(svc: Services, *, inside: bool = True) -> Health:
    """Health as of now; for strangers without the names of what is inside."""
    now = svc.clock.now()
    with svc.database.read() as session:
        seen = house.look(session, now)
    ailments = [*seen.ailments, *svc.ailments()]
    if not inside:
        ailments = [replace(a, text=a.outside or a.text) for a in ailments]
    ready = not any(a.is_fatal for a in ailments)
    return Health(
        dead_work=seen.dead_work,
        status="not_ready" if not ready else "degraded" if ailments else "ready",
        ailments=[Ailment.model_validate(a) for a in ailments],
        now=now,
        data_until=seen.data_until,
        lag_seconds=None if seen.lag is None else seen.lag / SECOND,
        lags={name: lag / SECOND for name, lag in seen.lags.items()},
        is_demo=svc.is_demo,
        version=svc.version,
    )


def _is_inside(request: Request, svc: Services) -> bool:
    """Whether the caller has signed in; a token that is good for intake only is held by other machines."""
    try:
        return identify(request, svc).token_scope in (None, TokenScope.API)
    except Unauthenticated:
        return False


@router.get("/health", responses={503: {"model": Health}})
def get_health(request: Request, svc: Svc, response: Response, _: Open) -> Health:
    """Whether everything works; open to all, so that a script can wait for it. The reasons that name what is inside
    (the address of the store) are for those who have signed in."""
    found = read(svc, inside=_is_inside(request, svc))
    if found.status == "not_ready":
        response.status_code = 503
    return found
