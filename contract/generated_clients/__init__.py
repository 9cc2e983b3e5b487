"""Clients that are generated from the documents, and programs over them."""
