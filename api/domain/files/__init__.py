"""Files that clients download: artifacts of a run, ranges, names, types, signed URLs.

Begin with `artifact.py`, which says which files a run should have.
"""
