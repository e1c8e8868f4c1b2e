"""The app: all routes under /api/v1, and the built console beside them.

Deny by default: a route that does not say who may call it keeps the app from starting.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

import api.routes
from api import errors
from api.console import serve_console
from api.deps import Anyone, IngestToken, Need, Services
from api.errors import PROBLEM, Problem
from api.exports import EXPORT_SECONDS
from api.feed import Feed
from api.journal import SearchJournal
from api.routes.ingest import open_door
from api.rules import RuleBook
from api.searching import Searches
from api.security import AddressWaits, Guard
from core.errors import BadConfig

PREFIX = "/api/v1"
BACKTEST_SECONDS = 1800.0
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {PROBLEM: {}}, "description": text}
    for status, text in ((400, "Bad request"), (401, "Sign-in needed"), (403, "Not allowed"), (422, "Wrong shape"))
}


def routers() -> Iterator[APIRouter]:
    """The router of every module in api/routes, by name."""
    for module in sorted(pkgutil.iter_modules(api.routes.__path__), key=lambda m: m.name):
        found = getattr(importlib.import_module(f"api.routes.{module.name}"), "router", None)
        if isinstance(found, APIRouter):
            yield found


def guards(dependant: Dependant) -> Iterator[Need | Anyone | IngestToken]:
    """What says who may call a route."""
    if isinstance(dependant.call, Need | Anyone | IngestToken):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from guards(inner)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """What lives as long as the process serves: the door, the threads of searches and their journal, the stream."""
    services: Services = app.state.services
    journal = app.state.journal = SearchJournal(services.database, services.clock)
    searches = app.state.searches = Searches(services.store)
    backtests = app.state.backtests = Searches(services.store, at_once=1, longest_seconds=BACKTEST_SECONDS)
    takings = app.state.exports = Searches(services.store, at_once=2, longest_seconds=EXPORT_SECONDS)
    feed = app.state.feed = Feed(services)
    app.state.address_waits = AddressWaits()
    app.state.rules = RuleBook(services)
    app.state.door = await run_in_threadpool(open_door, services)
    try:
        yield
    finally:
        feed.close()
        searches.close()
        backtests.close()
        takings.close()
        await run_in_threadpool(journal.close)


def stop_streams(app: FastAPI) -> None:
    """Say goodbye to whoever follows the stream: an open one would hold a stopping server for its whole grace."""
    feed: Feed = app.state.feed
    feed.close()


def create_app(services: Services) -> FastAPI:
    """The app over these services. Raises BadConfig for a route that names no right."""
    app = FastAPI(
        lifespan=running,
        title="Kỳ Đài",
        version=services.version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=lambda route: route.name,
        responses=_PROBLEMS,
        separate_input_output_schemas=False,
    )
    app.state.services = services
    errors.install(app)
    for router in routers():
        for route in router.routes:
            if not isinstance(route, APIRoute) or not any(guards(route.dependant)):
                raise BadConfig(f"the route {getattr(route, 'path', route)} does not say who may call it")
        app.include_router(router, prefix=PREFIX)
    if services.console_folder is not None:
        serve_console(app, services.console_folder)
    app.add_middleware(Guard)
    return app
