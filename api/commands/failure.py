"""The error that a command ends with."""
from __future__ import annotations


class CommandFailed(Exception):
    """Raised if a command fails. The message tells the operator the reason in one sentence."""
