"""Batches: many conversations at once, with one reading of the weights a token of all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from . import _native
from ._answer import Answer, Stream
from ._error import Error, Status
from ._messages import Message
from ._model import Model, model_of
from ._options import Sampling, SessionOptions
from ._picture import PictureCache
from ._session import Schema, Session

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Batch:
    """Up to `size` conversations that are computed together. Each gets the tokens that it would get alone, bit for bit;
    all take little longer than one. A picture that several ask about is encoded once (`cache`, 64 MiB if none is
    given).

    >>> import mica
    >>> batch = mica.Batch(size=4, context=512)
    >>> panel = mica.Picture("panel.jpg")
    >>> questions = ["Read the display.", "Which unit is this?"]
    >>> [answer.text for answer in batch.chat([[{"role": "user", "content": [panel, text]}] for text in questions])]
    ['80.8', 'VALVE 1']
    """

    def __init__(
        self,
        model: Model | str | os.PathLike[str] | None = None,
        size: int = 8,
        *,
        cache: PictureCache | None = None,
        **options: Unpack[SessionOptions],
    ) -> None:
        self.model = model_of(model)
        self.size = size
        self._options = options
        self._cache = PictureCache(self.model) if cache is None else cache
        self._room = _native.Workspace(self.model._native, size, dict(options))
        self._free: list[Session] = []  # made as they are needed
        self._made = 0

    def session(self) -> Session:
        """A session of its own that shares the batch's workspace: hardly more than its keys and values."""
        return Session._within(self._room, self.model, self._cache, self._options)

    def chat(
        self,
        conversations: Iterable[Sequence[Message]],
        *,
        schema: Schema | None = None,
        stop: str | Iterable[str] | None = None,
        log_probabilities: bool = False,
        **sampling: Unpack[Sampling],
    ) -> list[Answer]:
        """The answers to the last messages of conversations, in their order; the first failure is raised."""
        answers: dict[int, Answer] = {}
        for index, answer in self.chats(
            conversations, schema=schema, stop=stop, log_probabilities=log_probabilities, **sampling
        ):
            if isinstance(answer, Error):
                raise answer
            answers[index] = answer
        return [answers[index] for index in range(len(answers))]

    def chats(
        self,
        conversations: Iterable[Sequence[Message]],
        *,
        schema: Schema | None = None,
        stop: str | Iterable[str] | None = None,
        log_probabilities: bool = False,
        **sampling: Unpack[Sampling],
    ) -> Iterator[tuple[int, Answer | Error]]:
        """The same, each as soon as it is whole, with the number of its conversation, counted from 0. One that fails is
        an `Error` in the place of its answer and stops no other. Conversations are taken as there is room for them, so
        that there may be any number of them, of an iterator too.

        >>> import mica
        >>> batch = mica.Batch(size=2, context=512)
        >>> questions = [[{"role": "user", "content": [{"type": "image", "image": path}, "Read the display."]}]
        ...              for path in ("panel.jpg", "missing.jpg")]
        >>> for index, answer in sorted(batch.chats(questions), key=lambda pair: pair[0]):
        ...     print(index, answer.status.name if isinstance(answer, mica.Error) else answer.text)
        0 80.8
        1 NOT_FOUND
        """
        waiting = iter(enumerate(conversations))
        streams: dict[Stream, int] = {}
        stops = [stop] if isinstance(stop, str) else None if stop is None else list(stop)
        try:
            while True:
                while (session := self._take()) is not None:
                    index, messages = next(waiting, (-1, ()))
                    if index < 0:
                        self._free.append(session)
                        break
                    try:
                        stream = session.stream(
                            messages, schema=schema, stop=stops, log_probabilities=log_probabilities, **sampling
                        )
                        streams[stream] = index
                    except Error as error:
                        self._free.append(session)
                        yield index, error
                    except BaseException:
                        self._free.append(session)
                        raise
                if not streams:
                    if session is None:
                        raise Error(Status.INVALID_ARGUMENT, "all sessions of this batch are in use by another call")
                    return
                yield from self._step(streams)
        finally:
            self._free.extend(stream._session for stream in streams)

    def _take(self) -> Session | None:
        if self._free:
            return self._free.pop()
        if self._made == self.size:
            return None
        session = self.session()
        self._made += 1
        return session

    def _step(self, streams: dict[Stream, int]) -> Iterator[tuple[int, Answer | Error]]:
        """A token of each; what is over goes."""
        now = list(streams)
        steps, message = _native.step_together([stream._session._native for stream in now])
        for stream, (token, piece, stop, status) in zip(now, steps):
            error = None
            if status != Status.OK:
                error = Error(status, message or _native.status_name(status))
                message = ""  # it was the first one's
            else:
                stream._take(token, piece, stop)
            answer = stream.answer
            if error is None and answer.stop is None:
                continue
            index = streams.pop(stream)
            self._free.append(stream._session)
            yield index, answer if error is None else error
