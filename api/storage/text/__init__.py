"""Logs: read in pages, and the section that belongs to one test.

Begin with `logs.py`.
"""
