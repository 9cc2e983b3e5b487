"""Tests of what one host shares."""
