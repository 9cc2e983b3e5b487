"""The application object for a server's command line: `uvicorn api.asgi:app --lifespan on`."""
from __future__ import annotations

from api.config import Settings
from api.server import make_server

app = make_server(Settings.from_environment())
