"""The Model Context Protocol's own client: asks a server for its tools, calls two, and prints what came.

    python -m tests.e2e.mcp_client URL TOKEN MODE
"""
from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError


async def ask(url: str, token: str, mode: str) -> dict[str, Any]:
    """The names of the tools, what two calls said, and what became of a call of a tool that is not there."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http, Client(
            streamable_http_client(url, http_client=http), mode=mode) as client:
        tools = await client.list_tools()
        found = await client.call_tool("find_runs", {"limit": 1})
        missing = await client.call_tool("triage_run", {"run_id": 999_999})
        try:
            await client.call_tool("no_such_tool", {})
            refused = None
        except MCPError as error:
            refused = error.code
        return {
            "tools": [tool.name for tool in tools.tools], "found": json.loads(found.content[0].text)["data"],
            "missing": missing.is_error, "refused": refused}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask(*sys.argv[1:4]))))
