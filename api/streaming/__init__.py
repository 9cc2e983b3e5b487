"""Logs as server-sent events: one follower of files for all clients, limits, and reauthorization of open streams.

Begin with `log_follower.py`; the operations are `handlers/streams.py` and `handlers/job_streams.py`.
"""
