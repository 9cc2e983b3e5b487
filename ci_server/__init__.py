"""The server under the name that the job server's description starts it by: `uvicorn ci_server.app:app`."""
