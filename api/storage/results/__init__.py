"""Results of regression tests, the reports behind verdicts, and approvals of baselines.

Begin with `results.py`.
"""
