"""The application object of `api.asgi`, for `uvicorn ci_server.app:app`."""
from __future__ import annotations

from api.asgi import app

__all__ = ["app"]
