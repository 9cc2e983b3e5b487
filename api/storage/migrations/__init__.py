"""Migrations: the whole schema on an empty database; on the platform's, only this server's own tables."""
