"""Logs as server-sent events: followers of files, one tail shared by all clients, limits, and renewed authorization.

Begin with `log_follower.py`; the operations are `handlers/streams.py` and `handlers/job_streams.py`.
"""
