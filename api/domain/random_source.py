"""A source of random bytes, which is passed as an argument."""
from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass

ALPHABET = string.ascii_letters + string.digits
WORKER_TOKEN_LENGTH = 64


@dataclass(frozen=True)
class RandomSource:
    """A source of random bytes, such as `secrets.token_bytes`."""

    random_bytes: Callable[[int], bytes]

    def worker_token(self) -> str:
        """A run's secret for its worker: 64 letters and digits."""
        # 64 digits to the base 62 need 382 bits; from 640 drawn ones the bias is beyond measure.
        number = int.from_bytes(self.random_bytes(80))
        digits = []
        for _ in range(WORKER_TOKEN_LENGTH):
            number, digit = divmod(number, len(ALPHABET))
            digits.append(ALPHABET[digit])
        return "".join(digits)
