"""The application object for a server's command line: `uvicorn api.asgi:app --lifespan on`."""
from __future__ import annotations

import gc
import sys

from api.config import ConfigurationError, Settings, unknown_variables
from api.installation import configure_server_logging
from api.server import make_server

for warning in unknown_variables():
    print(f"ci-api: {warning}", file=sys.stderr)
try:
    settings = Settings.from_environment()
    # The server's own access log would write paths, and with them the workers' tokens.
    configure_server_logging(settings)
    app = make_server(settings, looks_first=True)
    # As `ci-api serve` does for its one process: what was made at the start is never garbage.
    gc.freeze()
except ConfigurationError as wrong:
    # One line is enough to say what the operator has to change.
    sys.exit(f"ci-api: {wrong}")
