"""Tests of what runs between requests."""
