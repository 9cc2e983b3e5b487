"""The sandbox of containers, by Docker or Podman.

Begin with `sandbox.py`; `guard.py` waits beside each container, `engine.py` speaks with the engine.
"""
