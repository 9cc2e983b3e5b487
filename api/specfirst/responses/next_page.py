"""The header Link of a page of a list, which says where the next page is."""
from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode

from api.specfirst import request_context

# A page begins at one of the two, so that the next one keeps neither.
_PLACES = ("next_cursor", "cursor"), ("next_offset", "offset")


def next_page(pagination: Mapping[str, int | str | None]) -> dict[str, str]:
    """The header for this request's page: its own address with every other parameter kept; no header on the last page."""
    found = next(((name, value) for key, name in _PLACES if (value := pagination.get(key)) is not None), None)
    if found is None:
        return {}
    path, query = request_context.asked_for()
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in ("cursor", "offset")]
    return {"Link": f'<{request_context.values().public_url}{quote(path)}?{urlencode([*kept, found])}>; rel="next"'}
