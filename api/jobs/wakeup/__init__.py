"""Wakes agents when there are new jobs: on this host, and through a broker on others.

Begin with `wakeup.py`.
"""
