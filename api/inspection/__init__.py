"""MediaInfo, in a process of its own that can open nothing and is killed when it takes too much.

Begin with `inspection.py`.
"""
