"""Documents bound to functions: routes, the middleware of each operation, Flask's side and the event loop's.

Begin with `binding.py`.
"""
