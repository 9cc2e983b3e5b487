"""Where executables come from: the operator's folder, GitHub's build artifacts, or a build of our own.

Begin with `source.py`.
"""
