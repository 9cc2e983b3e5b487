"""Use cases about accounts and logins."""
