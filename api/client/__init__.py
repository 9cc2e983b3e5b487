"""The Python client of the job service, and the command `ci`; nothing here imports the server."""
