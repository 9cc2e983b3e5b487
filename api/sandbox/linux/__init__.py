"""The sandbox of namespaces, and what the kernel gives every sandbox on this host: control groups and filters of system calls.

Begin with `bubblewrap.py`; `spawn.py` starts its program by way of `enter.py`.
"""
