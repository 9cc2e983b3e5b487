"""Tests of the doorbells."""
