"""Tests of what every request passes between the server and the handlers."""
