"""The kinds of sandbox, by name."""
from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from api.sandbox.sandbox import Sandbox

# Loaded by name, so that a supervisor need not wait for the modules of a sandbox that it does not use.
KINDS = {
    "bubblewrap": ("api.sandbox.linux.bubblewrap", "Bubblewrap"),
    "container": ("api.sandbox.containers.sandbox", "ContainerEngine"),
    "kubernetes": ("api.sandbox.kubernetes.sandbox", "KubernetesJobs"),
}


def load(name: str) -> type[Any]:
    """The kind of sandbox of this name. Raises KeyError for an unknown one."""
    module, kind = KINDS[name]
    return cast(type[Any], getattr(import_module(module), kind))


def sandbox_of(description: Mapping[str, Any]) -> Sandbox:
    """The sandbox that described itself so. Raises KeyError for an unknown one."""
    options = dict(description)
    return cast(Sandbox, load(options.pop("name"))(**options))
