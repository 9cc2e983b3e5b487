"""Authentication, authorization, client addresses and rate limits.

Begin with `security.py` and `authentication.py`.
"""
