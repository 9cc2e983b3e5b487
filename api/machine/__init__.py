"""A machine's side of the server: the work it asks for, and the files it fetches.

Begin with `server_source.py` for runs and `server_repository.py` for jobs; both send what `machine_client.py` names.
"""
