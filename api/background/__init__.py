"""What a process does between requests: `loop.py` runs each task in a thread of its own, `supervision.py` keeps account of it.

The other modules are the tasks of a server; begin with `sweeper.py`.
"""
