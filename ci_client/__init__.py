"""The Python client of the job service, and the command `ci`. Programs begin with `ci_client.client`; nothing here imports the server."""
