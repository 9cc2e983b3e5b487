"""GitHub's API as far as this system asks it: users, pull requests, artifacts of builds.

Begin with `identity.py`.
"""
