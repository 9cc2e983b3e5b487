"""Logs as server-sent events: one follower of files for all clients, limits, and reauthorization of open streams.

Not sse-starlette: it has a task that pings for each open connection, where one ticker and one tail serve all of a process here.

Begin with `log_follower.py`; the operations are `handlers/streams.py` and `handlers/job_streams.py`.
"""
