"""Files on the disk and in the bucket: atomic writes, lookups in both, uploads.

Begin with `backends.py`; `incoming.py` takes files in, `archive.py` finds them again.
"""
