"""The CI system of the Sample Platform: a spec-first server, its domain, its storage and its workers.

Requests pass `specfirst`, `handlers`, `services`, `domain` and `storage`, in this order; `rendering` writes the answer.
Begin with `app.py`, which wires the parts, or with an operation in `handlers`.
"""
