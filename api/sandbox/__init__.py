"""Runs one command apart from the host: bubblewrap or a container engine, with limits, control groups and filters.

Begin with `sandbox.py`; `choice.py` picks the kind that this host has.
"""
