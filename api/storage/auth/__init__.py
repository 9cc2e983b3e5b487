"""Accounts, API tokens and password hashes.

Begin with `tokens.py`.
"""
