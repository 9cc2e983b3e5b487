"""The application object for a server's command line: `uvicorn api.asgi:app --lifespan on`."""
from __future__ import annotations

import sys

from api.config import ConfigurationError, Settings
from api.server import make_server

try:
    app = make_server(Settings.from_environment())
except ConfigurationError as wrong:
    # One line is enough to say what the operator has to change.
    sys.exit(f"ci-api: {wrong}")
