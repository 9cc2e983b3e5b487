"""The agent of a host: the loop that claims jobs, prepares and finishes them, and what it knows of those that are gone.

Begin with `agent.py`; `held_job.py` is a job from its claim to its end.
"""
