"""Tests that kill, freeze and starve what runs jobs, and look whether anything is lost or run twice."""
