"""A job's project: checked, unpacked into a workspace, given a Python and steps; its artifacts are collected from there.

Begin with `workspaces.py` and `steps.py`.
"""
