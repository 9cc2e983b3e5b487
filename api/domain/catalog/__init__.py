"""The media library: samples, what is known of their media, and the regression tests over them.

Begin with `regression_test.py`.
"""
