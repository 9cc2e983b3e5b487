"""Programs that a worker runs: in a sandbox, bounded in time and output, and ended with all that they started.

Begin with `sandboxed_run.py`.
"""
