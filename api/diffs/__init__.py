"""Compares two files in processes of their own, with limits on time and memory.

Begin with `pool.py`; `program.py` is what such a process runs.
"""
