"""Work that must go on for ever: supervised, periodic, or in a program of its own.

Begin with `loop.py`; the tasks of a server are in `api.background`.
"""
