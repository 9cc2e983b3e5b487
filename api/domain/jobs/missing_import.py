"""What a project should declare when an import of its tests fails because nothing did."""
from __future__ import annotations

import re

_MISSING = re.compile(r"ModuleNotFoundError: No module named '([A-Za-z_][A-Za-z0-9_.]{0,99})'")
_OPTION = re.compile(r"error: unrecognized arguments: (--[a-z][a-z-]{0,40})")
# The packages whose modules are called otherwise.
PACKAGES = {
    "Crypto": "pycryptodome", "OpenSSL": "pyOpenSSL", "PIL": "Pillow", "attr": "attrs", "bs4": "beautifulsoup4", "cv2": "opencv-python",
    "dateutil": "python-dateutil", "dotenv": "python-dotenv", "git": "GitPython", "google": "protobuf", "jwt": "PyJWT",
    "pkg_resources": "setuptools<82", "serial": "pyserial", "sklearn": "scikit-learn", "yaml": "PyYAML", "zmq": "pyzmq"}
# The plugins of pytest that have these options.
PLUGINS = {
    "--asyncio-mode": "pytest-asyncio", "--benchmark": "pytest-benchmark", "--black": "pytest-black", "--cov": "pytest-cov",
    "--dist": "pytest-xdist", "--flake": "pytest-flake8", "--mypy": "pytest-mypy", "--numprocesses": "pytest-xdist",
    "--randomly-seed": "pytest-randomly", "--timeout": "pytest-timeout"}
_WHERE = "in an extra, dependency group or requirements file for tests (requirements-test.txt)"


def missing_declaration(log_end: str) -> str | None:
    """What to declare, from the end of the log of tests that failed; None where no import and no option was missing."""
    if missing := _MISSING.search(log_end):
        module = missing[1].partition(".")[0]
        return (
            f"Nothing that is installed has the module {module}: declare {PACKAGES.get(module, module)} {_WHERE}. "
            "If it is the project's own, it is packaged without it.")
    option = _OPTION.search(log_end)
    plugin = next((PLUGINS[each] for each in PLUGINS if option and option[1].startswith(each)), None)
    if plugin is None or option is None:
        return None
    return f"No plugin that is installed has the option {option[1]}: declare {plugin} {_WHERE}."
