"""Handlers: one module per tag, one function per operation, bound by operationId and x-openapi-router-controller."""
