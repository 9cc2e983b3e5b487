"""The worker: claims a run, fetches its executable, executes the tests, reports to the server.

Begin with `worker.py`, then `attempt.py`, `run.py` and `reporter.py`; `sources/` fetches executables,
`programs/` runs them.
"""
