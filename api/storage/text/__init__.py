"""Logs read in pages, and the section of a log that belongs to one test.

Begin with `logs.py`.
"""
