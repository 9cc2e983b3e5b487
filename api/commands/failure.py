"""The error that a command ends with."""
from __future__ import annotations


class CommandFailed(Exception):
    """The command did not succeed; the message says why, in one sentence for the operator."""
