"""Results of regression tests, what they were judged by, and approvals of baselines.

Begin with `results.py`.
"""
