"""The HTTP connection: bounds, body timeouts, threads, the public path.

Begin with `http_protocol.py`.
"""
