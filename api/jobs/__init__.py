"""Runs jobs: the agent, the supervisors that outlive it, and the wake-ups that it waits for.

Begin with `agent/agent.py`; the sandbox is `api.sandbox`.
"""
