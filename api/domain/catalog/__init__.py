"""The media library: samples, their media info, and the regression tests over them.

Begin with `regression_test.py`.
"""
