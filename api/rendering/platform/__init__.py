"""Domain values as the Sample Platform's own JSON.

Begin with `runs.py`.
"""
