"""Jobs of the job service: their states, the agents that run them, reports, streams and webhooks.

Begin with `job.py`.
"""
