"""Failures of the library as one exception, with the status that mica.h has for it."""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """Why something failed; the numbers are those of mica.h."""

    OK = 0
    INVALID_ARGUMENT = 1  #: outside the documented range
    NOT_FOUND = 2  #: a file, tensor or field that must exist does not
    PERMISSION_DENIED = 3
    IO_ERROR = 4  #: reading or writing failed
    CORRUPT_FILE = 5  #: the bytes contradict their own format
    UNSUPPORTED = 6  #: well formed, but of a kind or version that mica does not run
    LIMIT_EXCEEDED = 7  #: beyond a documented bound
    OUT_OF_MEMORY = 8  #: the state is as before the call
    CONTEXT_FULL = 9  #: the session has no room for more tokens
    CANCELLED = 10
    INTERNAL = 11  #: a promise of mica itself was broken


class Error(Exception):
    """A failure, with what it means and what to do in its message.

    >>> import mica
    >>> try:
    ...     mica.Model("no such folder")
    ... except mica.Error as error:
    ...     print(error.status.name)
    NOT_FOUND
    """

    status: Status

    def __init__(self, status: Status | int, message: str) -> None:
        super().__init__(message)
        self.status = Status(status)

    def __reduce__(self) -> tuple[type[Error], tuple[Status, str]]:
        return type(self), (self.status, str(self))
