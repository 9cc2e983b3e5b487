"""Web pages: the documentation page, and the pages that show a growing log.

Begin with `routes.py`; the files are in `pages/` and `ui/`.
"""
