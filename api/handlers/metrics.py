"""The operation that Prometheus asks."""
from __future__ import annotations

from api.background.loop import Background
from api.handlers import context
from api.handlers.measures import Measures
from api.storage.enrolment import catch_up
from api.storage.measured import load_measured


def get_metrics() -> bytes:
    """Show what is measured."""
    catch_up(context.now())
    return context.collaborator(Measures).text(load_measured(context.now()), context.collaborator(Background).states())
