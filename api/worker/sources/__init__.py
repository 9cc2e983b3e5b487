"""Sources of executables: the operator's folder, GitHub's build artifacts, or our own build.

Begin with `source.py`.
"""
