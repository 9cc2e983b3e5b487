"""A progress bar for uploads."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from ci_client.uploading import Progress


class UploadBar:
    """A progress bar; a restarted upload gets a new one."""

    def __init__(self) -> None:
        self._bar: Any = None

    def show(self, sent: int, total: int) -> None:
        """So many bytes of so many are sent."""
        if self._bar is None:
            self._bar = tqdm(desc="Uploading", total=total, unit="B", unit_scale=True, unit_divisor=1024, file=sys.stderr)
        self._bar.update(sent - self._bar.n)
        if sent == total:
            self.close()

    def close(self) -> None:
        """Leave the line as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


@contextmanager
def upload_bar() -> Iterator[Progress | None]:
    """A progress bar, or None where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    bar = UploadBar()
    try:
        yield bar.show
    finally:
        bar.close()
