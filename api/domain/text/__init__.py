"""Text of outputs and logs: decoding, lines, levels, cursors, differences.

Begin with `decoding.py`; `diff.py` compares two files.
"""
