"""The sandboxes that this machine can make, and a bench for attempts of jobs in each."""
from __future__ import annotations

from tests.jobs.conftest import bench, bubblewrap, cluster, container, kubernetes, sandbox

__all__ = ["bench", "bubblewrap", "cluster", "container", "kubernetes", "sandbox"]
