"""What a command says when it cannot do what it was asked to."""
from __future__ import annotations


class CommandFailed(Exception):
    """The command did not succeed; the message says why, in one sentence for the operator."""
