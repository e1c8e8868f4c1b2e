"""Serves the built console: files with a hash in their name for a year, its page for every other path."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_PAGE = "index.html"


class _Console(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        if path == "api" or path.startswith("api/"):
            raise HTTPException(404)
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            # a path of the console's own router; a missing file with a suffix is really missing
            if error.status_code != 404 or Path(path).suffix:
                raise
            response = FileResponse(Path(str(self.directory)) / _PAGE)
        forever = path.startswith("assets/")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if forever else "no-cache"
        return response


def serve_console(app: FastAPI, folder: Path) -> None:
    """Serve the files of ``folder`` at /, its index.html for paths of the console's router."""
    app.mount("/", _Console(directory=folder, html=True), name="console")
