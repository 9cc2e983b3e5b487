"""The tables of this server. All begin with `ci_` and refer to the platform's with ON DELETE CASCADE. All are known once one is."""
from api.storage.tables import accounts, files, library, results, runs, schema

__all__ = ["accounts", "files", "library", "results", "runs", "schema"]
