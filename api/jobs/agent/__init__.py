"""The agent of a host: it claims, prepares and finishes jobs, and recovers those of dead agents.

Begin with `agent.py`; `held_job.py` is a job from its claim to its end.
"""
