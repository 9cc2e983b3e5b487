"""Use cases about results: verdicts, comparisons, causes, baselines."""
