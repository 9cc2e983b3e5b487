"""The agent of a host: the loop that claims jobs, prepares and finishes them, and what it knows of those that are gone."""
