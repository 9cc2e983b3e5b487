"""How far an upload is, on a terminal."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from api.client.uploading import Progress


@contextmanager
def upload_bar() -> Iterator[Progress | None]:
    """What is to be told of an upload's progress; None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    with tqdm(desc="Uploading", unit="B", unit_scale=True, unit_divisor=1024, leave=False, file=sys.stderr) as bar:
        def show(sent: int, total: int) -> None:
            bar.total = total
            bar.update(sent - bar.n)
            if sent == total:
                bar.close()
        yield show
