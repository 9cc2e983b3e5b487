"""Samples and regression tests in the Sample Platform's tables.

Begin with `catalog.py`; `catalog_tables.py` notices what has changed.
"""
