"""What the library has to say, to Python's logging: the logger "mica"."""

from __future__ import annotations

import atexit
import logging

from . import _native

_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)  # by mica.h's numbers
_logger = logging.getLogger("mica")


def write(level: int, message: str) -> None:
    """Called by the native module, in whatever thread has something to say."""
    _logger.log(_LEVELS[level], "%s", message)


def begin() -> None:
    """From now on, until the interpreter ends, before which threads of the library fall silent."""
    _native.log_to_python(True)
    atexit.register(_native.log_to_python, False)
