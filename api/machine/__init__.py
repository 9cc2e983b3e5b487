"""A machine's side of the server, for jobs. Begin with `server_repository.py`."""
