"""Authorization: roles, scopes, API tokens, passwords, and whose code may run.

Begin with `access.py`; `run_permission.py` decides about runs, `signing.py` signs texts.
"""
