"""Samples and regression tests in the Sample Platform's tables.

Begin with `regression_tests.py`.
"""
