"""What every response has: error bodies, headers, ETags, request ids, logs and metrics.

Begin with `error_responses.py`, the table from errors to status codes.
"""
