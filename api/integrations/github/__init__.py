"""A client of GitHub's API for users, pull requests and build artifacts.

Begin with `identity.py`.
"""
