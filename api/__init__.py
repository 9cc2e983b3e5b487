"""The CI system of the Sample Platform: a spec-first server, its domain, its storage and its worker."""
