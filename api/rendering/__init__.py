"""Domain values as the contract's JSON, one module per resource.

Begin with `runs.py`.
"""
