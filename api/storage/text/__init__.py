"""Reads logs in pages, and finds the section of one regression test in them.

Begin with `logs.py`.
"""
