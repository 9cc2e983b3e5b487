"""Handlers: a package per subject, one function per operation, bound by operationId and x-openapi-router-controller."""
