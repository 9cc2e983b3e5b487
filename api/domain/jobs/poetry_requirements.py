"""Poetry's table of dependencies, translated into requirements as packaging writes them."""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COMPARED = re.compile(r"[<>=!]=? *[0-9A-Za-z.*+]{1,50}")
_VERSION = re.compile(r"[0-9A-Za-z.*+]{1,50}")
_NUMBERS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,4}")


def poetry_requirements(dependencies: Mapping[str, Any]) -> tuple[str, ...]:
    """A table of Poetry's dependencies as requirements; those from elsewhere than an index are left out."""
    found = []
    for name, wanted in dependencies.items():
        table = wanted if isinstance(wanted, dict) else {"version": wanted}
        versions = table.get("version")
        if isinstance(versions, str) and _NAME.fullmatch(name) and name.lower() != "python":
            extras = ",".join(each for each in _strings(table.get("extras")) if _NAME.fullmatch(each))
            markers = table.get("markers")
            found.append(f"{name}{f'[{extras}]' if extras else ''}{_range(versions)}{f' ; {markers}' if isinstance(markers, str) else ''}")
    return tuple(found)


def _range(versions: str) -> str:
    """Poetry's range of versions as packaging writes one; what cannot be translated is no range."""
    parts = [_part(part.strip()) for part in versions.split(",") if part.strip() not in ("", "*")]
    return "" if any(part is None for part in parts) else ",".join(part for part in parts if part is not None)


def _part(part: str) -> str | None:
    if part[:1] in "<>=!":
        return part if _COMPARED.fullmatch(part) else None
    if part[0] not in "^~":
        return f"=={part}" if _VERSION.fullmatch(part) else None
    version = part[1:].strip().removesuffix(".*")
    if not _NUMBERS.fullmatch(version):
        return None
    values = [int(number) for number in version.split(".")]
    fixed = min(len(values), 2) - 1 if part[0] == "~" else next((at for at, value in enumerate(values) if value), len(values) - 1)
    return f">={version},<{'.'.join(str(value) for value in [*values[:fixed], values[fixed] + 1])}"


def _strings(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
