"""What runs jobs: an agent, the supervisors that it starts and that outlive it, and what wakes the agent.

Begin with `agent/agent.py`; the sandbox is `api.sandbox`.
"""
