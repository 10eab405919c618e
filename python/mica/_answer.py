"""Answers: whole ones, and those that are just being written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ._error import Error, Status

if TYPE_CHECKING:
    from ._session import Session

Stop = Literal["end", "tokens", "callback", "context", "text"]
_STOPS: tuple[Stop, ...] = ("end", "tokens", "callback", "context", "text")  # by mica.h's numbers; behind them: none


@dataclass(frozen=True)
class Answer:
    """An answer. `stop` says why it is over: the model ended it ("end"), `max_tokens` did ("tokens"), the context is
    full ("context"), a text of `stop` came ("text"); None where it goes on. `log_probabilities` has one for each token,
    where they were asked for: how likely the model found it, before temperature and filters.

    >>> import mica
    >>> answer = mica.Session().ask("Read the display.", "panel.jpg", log_probabilities=True)
    >>> print(answer, answer.stop, len(answer.tokens) == len(answer.log_probabilities))
    80.8 end True
    """

    text: str
    tokens: tuple[int, ...]
    stop: Stop | None
    log_probabilities: tuple[float, ...] | None = None

    def json(self) -> Any:
        """The value of an answer that keeps a JSON schema.

        >>> import mica
        >>> mica.Session().ask("Read the display.", "panel.jpg", schema={"type": "number"}).json()
        80.8
        """
        return json.loads(self.text)

    def __str__(self) -> str:
        return self.text


class Stream(Iterator[str]):
    """An answer that is being written: an iterator over pieces of its text, whole characters each. `answer` is what
    there is of it so far.

    >>> import mica
    >>> stream = mica.Session().stream([{"role": "user", "content": [mica.Picture("panel.jpg"), "Read the display."]}])
    >>> "".join(stream), stream.answer.stop
    ('80.8', 'end')
    """

    def __init__(self, session: Session, at_end: Callable[[Answer], None], log_probabilities: bool) -> None:
        self._session = session
        self._number = session._answers
        self._at_end = at_end
        self._pieces: list[str] = []
        self._tokens: list[int] = []
        self._log_probabilities: list[float] | None = [] if log_probabilities else None
        self._stop: Stop | None = None
        self._has_read = False

    @property
    def answer(self) -> Answer:
        likely = self._log_probabilities
        return Answer("".join(self._pieces), tuple(self._tokens), self._stop, None if likely is None else tuple(likely))

    def finish(self) -> Answer:
        """Writes the rest of the answer."""
        for _ in self:
            pass
        return self.answer

    def __next__(self) -> str:
        while self._stop is None:
            self._check()
            if not self._has_read:
                self._session._native.prefill()
                self._has_read = True
            piece = self._take(*self._session._native.step())
            if piece:
                return piece
        raise StopIteration

    def _check(self) -> None:
        if self._session._answers != self._number:
            raise Error(Status.INVALID_ARGUMENT, "this answer was broken off: its session was used for something else")

    def _take(self, token: int, piece: str, stop: int) -> str:
        """What a step brought. The session must not have been used since."""
        if token >= 0:
            self._tokens.append(token)
            if self._log_probabilities is not None:
                self._log_probabilities.append(_log_probability(self._session, token))
        if piece:
            self._pieces.append(piece)
        if stop < len(_STOPS):
            self._stop = _STOPS[stop]
            self._at_end(self.answer)
        return piece


def _log_probability(session: Session, token: int) -> float:
    import numpy

    row = session.logits().astype(numpy.float64)
    largest = row.max()
    return float(row[token] - largest - numpy.log(numpy.exp(row - largest).sum()))
