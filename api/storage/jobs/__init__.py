"""Jobs, agents and webhooks in the database, and the files of attempts.

Begin with `jobs.py`, where a job is claimed, renewed and finished.
"""
