"""The application object: `uvicorn ci_server.app:app`. It is that of `api.asgi`."""
from __future__ import annotations

from api.asgi import app

__all__ = ["app"]
