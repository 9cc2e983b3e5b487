"""What is done with the project of a job: looked at, unpacked into a workspace, given a Python and steps, searched for what it left.

Begin with `workspaces.py` and `steps.py`.
"""
