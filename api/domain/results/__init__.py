"""Results of runs: verdicts, failures, errors, comparison, history, triage, approvals.

Begin with `result.py`, the verdict of one regression test; `failure.py` says why it failed, in the words of `failure_code.py`.
"""
