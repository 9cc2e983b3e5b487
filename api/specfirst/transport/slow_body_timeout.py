"""Times out requests whose body arrives too slowly."""
from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

from api.specfirst.responses.error_responses import request_timeout

MIN_PACE = 1024


def with_body_timeout(receive: Receive, timeout: float) -> Receive:
    """Receive that refuses with 408 when nothing has come for so many seconds.

    So it does when the server has waited in all as many seconds and one for each KiB that came. What comes after the body, such
    as the client's leaving, is waited for as long as it takes.
    """
    clock = asyncio.get_running_loop().time
    waited, received, is_whole = 0.0, 0, False

    async def waiting() -> Message:
        nonlocal waited, received, is_whole
        if is_whole:
            return await receive()
        begun = clock()
        try:
            async with asyncio.timeout(min(timeout, timeout + received / MIN_PACE - waited)):
                message = await receive()
        except TimeoutError as late:
            raise request_timeout(timeout) from late
        waited += clock() - begun
        received += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        return message

    return waiting
