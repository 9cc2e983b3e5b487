"""Rows of runs: lists and their pages, the queue, expected tests, the base run, idempotency keys.

Begin with `run_rows.py` and `run_pages.py`.
"""
