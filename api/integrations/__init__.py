"""Programs elsewhere that this server asks or tells: GitHub and receivers of webhooks.

Begin with `github/`.
"""
