"""What the system decides: plain values and functions, without I/O, clock or framework.

One folder a subject: `runs`, `results`, `catalog`, `jobs`, `files`, `auth`, `text`; what all of them share stands here.
Begin with `runs/status.py` and `results/result.py`, the verdicts of a run and of a regression test.
"""
