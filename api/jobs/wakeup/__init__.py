"""What tells agents that there is something new: on this host, and, through a broker, on others.

Begin with `wakeup.py`.
"""
