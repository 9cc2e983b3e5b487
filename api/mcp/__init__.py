"""The Model Context Protocol at /mcp: operations of the API as tools for agents, without a session and without a library.

Begin with `endpoint.py`.
"""
