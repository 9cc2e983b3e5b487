"""The Model Context Protocol's own client understands the server, by revisions of both kinds."""
from __future__ import annotations

import json
import sys
from importlib.util import find_spec

import pytest

from tests.e2e.installation import Installation
from tests.e2e.processes import finished
from tests.examples import each_day
from tests.parts import lacking


@pytest.mark.parametrize("mode", each_day(["auto", "legacy", "2026-07-28"], "auto"))
def test_the_protocols_own_client_finds_and_calls_the_tools(served: Installation, mode: str) -> None:
    if find_spec("mcp") is None:
        lacking("mcp is not installed")
    run_id = served.api.trigger()

    asked = finished((sys.executable, "-m", "tests.e2e.mcp_client", f"{served.url}/mcp", served.token, mode), {})

    told = json.loads(asked.stdout)
    assert told["tools"][0] == "triage_run"
    assert [run["run_id"] for run in told["found"]] == [run_id]
    assert (told["missing"], told["refused"]) == (True, -32602)
