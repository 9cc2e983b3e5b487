"""Programs that measure; see README.md for commands and figures."""
