"""What is said of, and set for, the whole process."""

from __future__ import annotations

import json
from typing import Any

from . import _native


def version() -> str:
    """The version of the library."""
    return _native.version()


def cpu() -> dict[str, Any]:
    """What the library found and chose on this machine: architecture, levels of kernels, threads, libraries.

    >>> import mica
    >>> "scalar" in [level["name"] for level in mica.cpu()["levels"]]
    True
    """
    found: dict[str, Any] = json.loads(_native.describe_cpu())
    return found


def memory_available() -> int:
    """The bytes that this process may still take: what the system, its control group and its limits leave."""
    return _native.memory_available()


def set_isa(level: str) -> None:
    """Forces a level of kernels by its name in `cpu()`, before the first model is opened. So does MICA_ISA."""
    _native.set_isa(level)
