"""Domain values as the documents' JSON, one module a resource.

Begin with `runs.py`.
"""
