"""The commands of `ci-api`, one module each."""
