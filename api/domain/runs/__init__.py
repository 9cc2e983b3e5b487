"""Runs: triggered, queued, reported by workers, cancelled, retried, summarised.

Begin with `run.py` and `status.py`; `worker_message.py` and `worker_suite.py` are the workers' protocol.
"""
