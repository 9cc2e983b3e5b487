"""Who asks, from where, how often, and whether that is allowed.

Begin with `security.py` and `authentication.py`.
"""
