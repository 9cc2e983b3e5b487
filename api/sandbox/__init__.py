"""Runs one command isolated from the host: by bubblewrap, a container engine or a cluster, with limits, cgroups and seccomp filters.

Begin with `sandbox.py`, the interface; `choice.py` picks the kind that this host has. Each kind is a package:
`linux`, `containers`, `kubernetes`.
"""
