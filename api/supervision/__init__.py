"""Long-running work: supervised tasks, periodic ones, and child processes.

Begin with `loop.py`; the tasks of a server are in `api.background`.
"""
