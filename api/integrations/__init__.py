"""Clients of other services: GitHub and receivers of webhooks.

Begin with `github/`.
"""
