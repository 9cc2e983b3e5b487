"""Binds documents to functions: routes, per-operation middlewares, Flask's operations and asynchronous ones.

Begin with `binding.py`.
"""
