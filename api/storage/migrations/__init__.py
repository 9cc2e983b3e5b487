"""Migrations: the whole schema on an empty database; on the platform's, only what is our own."""
