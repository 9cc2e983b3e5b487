"""Runs one command isolated from the host: by bubblewrap or a container engine, with limits, cgroups and seccomp filters.

Begin with `sandbox.py`; `choice.py` picks the kind that this host has.
"""
