"""Files on the disk and in the bucket: written whole or not at all, found in either, sent on.

Begin with `backends.py`; `incoming.py` takes files in, `archive.py` finds them again.
"""
