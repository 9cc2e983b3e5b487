"""Comparing two files in processes of their own, so that a costly pair stops nobody.

Begin with `pool.py`; `program.py` is what such a process runs.
"""
