"""What every answer has: errors, headers, ETags, ids, logs and metrics.

Begin with `error_responses.py`, the table from errors to status codes.
"""
