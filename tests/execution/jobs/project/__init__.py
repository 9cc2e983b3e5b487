"""Tests of what is done with the project of a job."""
