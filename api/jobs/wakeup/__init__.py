"""Wakes the agents of this host when there are new jobs."""
