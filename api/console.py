"""Serves the built console: files with a hash in their name for a year, its page for every other path."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.errors import language_of
from core.words import say

_PAGE = "index.html"


class _Console(StaticFiles):
    async def check_config(self) -> None:
        """The folder may be missing: a clone whose console is not built says so, and serves the API."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path == "api" or path.startswith("api/"):
            raise HTTPException(404)
        if not self._page.is_file():
            return PlainTextResponse(say("api.no_console", language_of(Request(scope))), 503)
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            # a path of the console's own router; a missing file with a suffix is really missing
            if error.status_code != 404 or Path(path).suffix:
                raise
            response = FileResponse(self._page)
        forever = path.startswith("assets/")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if forever else "no-cache"
        return response

    @property
    def _page(self) -> Path:
        return Path(str(self.directory)) / _PAGE


def serve_console(app: FastAPI, folder: Path) -> None:
    """Serve the files of ``folder`` at /, its index.html for paths of the console's router."""
    app.mount("/", _Console(directory=folder, html=True, check_dir=False), name="console")
