"""Storage: rows and bytes in, domain values out. Nothing here knows HTTP.

The subjects are those of the domain; the tables, their column types and the migrations stand here.
Begin with `tables.py` (ours), `platform_tables.py` (the Sample Platform's) and `database.py`.
"""
