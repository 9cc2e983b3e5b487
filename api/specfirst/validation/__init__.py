"""Validates requests and responses by the documents, in bounded time.

Begin with `validation.py`; the engines are in `engines.py`.
"""
