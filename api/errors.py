"""The one place where an error becomes an HTTP answer: RFC 9457 problem+json, in the caller's language."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from core.accounts import Wait
from core.errors import (
    BadConfig,
    BadInput,
    Conflict,
    KydaiError,
    NotFound,
    Refused,
    Unavailable,
    misfit,
)
from core.query.problems import QueryError
from core.second_factor import NeedCode
from core.words import LANGUAGES, say

log = structlog.get_logger(__name__)

PROBLEM = "application/problem+json"
RETRY_SECONDS = 5


class Unauthenticated(Refused):
    """Nobody is signed in, or the token is not good."""


class TooMany(Refused):
    """Come back later: intake or a queue is full."""


class TooLarge(BadInput):
    """The body is over its limit."""


class TooSlow(BadInput):
    """The body did not arrive in time."""


class WrongKind(BadInput):
    """The body is of a kind that is not taken."""


_STATUS: tuple[tuple[type[KydaiError], int], ...] = (
    (Unauthenticated, 401),
    (TooSlow, 408),
    (TooLarge, 413),
    (WrongKind, 415),
    (Wait, 429),
    (TooMany, 429),
    (BadInput, 400),
    (Refused, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
    (BadConfig, 500),
)


NEED_CODE = "kydai:need-code"
"""The type of the answer that asks for a one-time code."""


class Problem(BaseModel):
    """What went wrong: ``title`` the kind, ``detail`` what exactly, ``remedy`` what helps."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    remedy: str | None = None
    place: str | None = None
    errors: list[str] | None = None
    position: int | None = None
    """Where in the query it is wrong: a character, counted from 0."""
    near: list[str] | None = None
    """What may have been meant."""


def language_of(request: Request) -> str:
    """Vietnamese or English by Accept-Language's first match; Vietnamese when it names neither."""
    for part in request.headers.get("accept-language", "").split(","):
        code = part.strip()[:2].lower()
        if code in LANGUAGES:
            return code
    return "vi"


def status_of(error: KydaiError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def _problem(lang: str, status: int, **fields: object) -> Problem:
    """A status without words of its own goes by 400 or 500."""
    try:
        title = say(f"api.problem.{status}", lang)
    except KeyError:
        title = say("api.problem.400" if status < 500 else "api.problem.500", lang)
    return Problem.model_validate({"title": title, "status": status, **fields})


def _sent(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    lang = {"content-language": language_of(request)}
    return JSONResponse(problem.model_dump(exclude_none=True), problem.status, lang | dict(headers or {}), PROBLEM)


def answer(request: Request, status: int, headers: Mapping[str, str] | None = None, **fields: object) -> JSONResponse:
    """A problem+json answer."""
    return _sent(request, _problem(language_of(request), status, **fields), headers)


def problem_of(request: Request, error: KydaiError) -> Problem:
    """One of our own errors, in the caller's language."""
    lang = language_of(request)
    remedy = error.remedy[lang] if error.remedy else None
    place = str(error.place) if error.place else None
    query: dict[str, object] = {"type": NEED_CODE} if isinstance(error, NeedCode) else {}
    if isinstance(error, QueryError):
        query = {"position": error.position, "near": list(error.near)}
    return _problem(lang, status_of(error), detail=error.said[lang], remedy=remedy, place=place, **query)


def known(request: Request, error: Exception) -> JSONResponse:
    """Answer one of our own errors."""
    assert isinstance(error, KydaiError)
    status = status_of(error)
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    if isinstance(error, Wait):
        headers["retry-after"] = str(error.seconds)
    elif status in (429, 503):
        headers["retry-after"] = str(RETRY_SECONDS)
    return _sent(request, problem_of(request, error), headers)


def _database(request: Request, error: Exception) -> JSONResponse:
    log.warning("The control database did not answer.", path=request.url.path, error=str(error)[:200])
    headers = {"retry-after": str(RETRY_SECONDS)}
    return answer(request, 503, headers, detail=say("api.database_busy", language_of(request)))


def _shape(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # the values themselves are not repeated: they may be secrets
    lang = language_of(request)
    found = [f"{'.'.join(str(p) for p in e['loc'])}: {misfit(e)[lang]}" for e in error.errors()[:20]]
    return answer(request, 422, detail=found[0] if found else "", errors=found)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return answer(request, error.status_code, error.headers)


def unforeseen(request: Request, error: Exception) -> Problem:
    """An error that nobody foresaw: the log has it whole, the caller learns that it is ours."""
    log.error("Request failed.", path=request.url.path, method=request.method, exc_info=error)
    lang = language_of(request)
    return _problem(lang, 500, detail=say("api.own_failure", lang))


def _ours(request: Request, error: Exception) -> JSONResponse:
    return _sent(request, unforeseen(request, error))


def install(app: FastAPI) -> None:
    """Answer every error of the app from here."""
    app.add_exception_handler(KydaiError, known)
    app.add_exception_handler(OperationalError, _database)
    app.add_exception_handler(PoolTimeout, _database)
    app.add_exception_handler(RequestValidationError, _shape)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _ours)
