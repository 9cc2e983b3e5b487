"""Use cases about runs: showing and repeating them, their workers, the platform."""
