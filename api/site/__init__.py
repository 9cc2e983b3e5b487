"""Pages for people: the documentation page and the pages that show a log while it is written.

Begin with `routes.py`; the files are in `pages/` and `ui/`.
"""
