"""Tests of the job service's client."""
