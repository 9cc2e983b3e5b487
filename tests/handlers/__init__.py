"""The operations as their clients meet them: over HTTP, on a database, each answer held against the documents."""
