"""An alias of the server, for `uvicorn ci_server.app:app`."""
