"""The process that owns one attempt of a job and outlives the agent that started it.

Begin with `supervisor.py`.
"""
