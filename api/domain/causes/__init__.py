"""Causes of failures: what changed in the outputs of tests and at which commit, which tests fail for one cause, and whose it is.

Begin with `analysis.py`. Contents of files are compared elsewhere: `needed_pairs` says which, and `analyse` is given their facts.
"""
