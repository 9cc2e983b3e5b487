"""The connection below the operations: HTTP with bounds, slow bodies, threads, the public path.

Begin with `http_protocol.py`.
"""
