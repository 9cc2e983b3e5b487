"""The version of the installed package, which stands in its metadata alone."""
from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

PACKAGE = "sample-platform-ci"


def package_version() -> str:
    """The version, or `unknown` where the package is not installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"
