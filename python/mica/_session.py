"""Sessions: one conversation with a model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, Union

from . import _native
from ._answer import Answer, Stream
from ._error import Error
from ._messages import Message, Turn, answer_turn, read_content, read_messages, role_of
from ._model import Model, model_of
from ._options import Sampling, SessionOptions, sampling_of
from ._picture import PictureCache, PictureSource, native_parts, picture_of

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from typing_extensions import Unpack


class HasSchema(Protocol):
    """A class of pydantic, or any other that says its schema so."""

    def model_json_schema(self) -> dict[str, Any]: ...


#: A JSON schema, as text, as a dictionary, or of a class of pydantic.
Schema = Union[str, Mapping[str, Any], HasSchema]


class SessionStats(TypedDict):
    """Tokens and bytes that a session holds, and its work since it was made: mica_stats of mica.h."""

    tokens: int
    tokens_visual: int
    tokens_waiting: int
    tokens_wanted: int
    session_bytes: int
    kv_text_bytes: int
    kv_visual_bytes: int
    pictures: int
    picture_tokens: int
    pictures_reduced: int
    picture_seconds: float
    prefill_tokens: int
    prefill_seconds: float
    decode_tokens: int
    decode_seconds: float


def _schema_text(schema: Schema | None) -> str | None:
    if schema is None or isinstance(schema, str):
        return schema
    return json.dumps(schema if isinstance(schema, Mapping) else schema.model_json_schema())


class Session:
    """One conversation with a model, which is given or opened by its path; without one it is the model inside.

    >>> import mica
    >>> session = mica.Session(context=512, threads=1)
    >>> session.ask("Read the display.", "panel.jpg").text
    '80.8'
    >>> session.ask("Read the display.", "panel.jpg", schema={"type": "number"}).json()
    80.8

    `ask` forgets what was before. `chat` and `stream` take the whole conversation, as clients of OpenAI's protocol have
    it; what the session holds of it already is not computed again. `add` and `answer` build one up by hand. How tokens
    are chosen: `Sampling`.
    """

    def __init__(
        self,
        model: Model | str | os.PathLike[str] | None = None,
        *,
        cache: PictureCache | None = None,
        **options: Unpack[SessionOptions],
    ) -> None:
        self._set_up(model_of(model), cache, lambda model: _native.Session(model._native, dict(options)))

    @classmethod
    def _within(
        cls, room: _native.Workspace, model: Model, cache: PictureCache | None, options: SessionOptions
    ) -> Session:
        """One of several in a workspace (`Batch`)."""
        session = cls.__new__(cls)
        session._set_up(model, cache, lambda _: _native.Session(room, dict(options)))
        return session

    def _set_up(self, model: Model, cache: PictureCache | None, make: Any) -> None:
        self.model = model
        self._native: _native.Session = make(model)
        if cache is not None:
            self._native.use_cache(cache._native)
        self._answers = 0  # that have begun or were broken off; a stream knows its own, and no session its stream
        self._held: list[tuple[object, ...]] | None = None  # keys of the turns that are in the session; None: unknown
        self._has_stops = False
        self._schema: str | None = None

    # ---- questions -------------------------------------------------------------------------------------------------

    def ask(
        self,
        question: str,
        *pictures: PictureSource,
        schema: Schema | None = None,
        stop: str | Iterable[str] | None = None,
        log_probabilities: bool = False,
        **sampling: Unpack[Sampling],
    ) -> Answer:
        """Answers one question, about pictures or without; what was before is forgotten.

        >>> import mica
        >>> mica.Session().ask("Which unit is this?", "panel.jpg").text
        'VALVE 1'
        """
        content = [*(picture_of(picture) for picture in pictures), question]
        messages = [{"role": "user", "content": content}]
        return self.chat(messages, schema=schema, stop=stop, log_probabilities=log_probabilities, **sampling)

    def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        stop: str | Iterable[str] | None = None,
        log_probabilities: bool = False,
        **sampling: Unpack[Sampling],
    ) -> Answer:
        """Answers the last message of a conversation.

        >>> import base64, mica
        >>> with open("panel.jpg", "rb") as file:
        ...     url = "data:image/jpeg;base64," + base64.b64encode(file.read()).decode()
        >>> messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}},
        ...                                          {"type": "text", "text": "Read the display."}]}]
        >>> session = mica.Session()
        >>> answer = session.chat(messages)
        >>> messages += [{"role": "assistant", "content": answer.text},
        ...              {"role": "user", "content": "Which unit is this?"}]
        >>> answer.text, session.chat(messages).text
        ('80.8', 'VALVE 1')
        """
        stream = self.stream(messages, schema=schema, stop=stop, log_probabilities=log_probabilities, **sampling)
        return stream.finish()

    def stream(
        self,
        messages: Sequence[Message] | None = None,
        *,
        schema: Schema | None = None,
        stop: str | Iterable[str] | None = None,
        log_probabilities: bool = False,
        **sampling: Unpack[Sampling],
    ) -> Stream:
        """The same, piece by piece; without messages, an answer to what was added.

        - `schema`: the answer is JSON that keeps it (mica_schema.h lists the keywords)
        - `stop`: a text, or several, before which the answer ends

        >>> import mica
        >>> session = mica.Session()
        >>> session.add("user", [mica.Picture("panel.jpg"), "Read the display."])
        >>> for piece in session.stream():
        ...     print(piece, end="|")
        8|0|.|8|
        """
        turns = None if messages is None else read_messages(messages, self.model)
        self._answers += 1
        if turns is not None:
            self._read(turns)
        self._held = None
        self._keep(_schema_text(schema), stop)
        self._native.begin(sampling_of(self.model, sampling))
        return Stream(self, lambda answer: self._hold(turns, answer), log_probabilities)

    def _read(self, turns: list[Turn]) -> None:
        """What of a conversation is not in the session yet; all of it, where that cannot be told."""
        held = self._held
        self._held = None
        if held and len(held) < len(turns) and held == [turn.key() for turn in turns[: len(held)]]:
            try:
                return self._add_turns(turns[len(held) :])
            except Error:  # some templates write earlier turns in another way: so all of it has to be read
                pass
        self._native.clear()
        self._add_turns(turns)

    def _add_turns(self, turns: list[Turn]) -> None:
        for turn in turns:
            self._native.add_message(turn.role, native_parts(turn.parts))

    def _keep(self, schema: str | None, stop: str | Iterable[str] | None) -> None:
        if schema != self._schema:
            self._native.set_schema(schema)
            self._schema = schema
        if stop is not None or self._has_stops:
            self._native.set_stops([stop] if isinstance(stop, str) else list(stop or ()))
            self._has_stops = True

    def _hold(self, turns: list[Turn] | None, answer: Answer) -> None:
        # Behind a stop text, the session holds more than what was shown.
        if turns is not None and answer.stop in ("end", "tokens"):
            self._held = [*(turn.key() for turn in turns), answer_turn(answer.text).key()]

    # ---- by hand ---------------------------------------------------------------------------------------------------

    def _change(self) -> _native.Session:
        """What goes behind an answer, or before one, that this class does not know of."""
        self._held = None
        return self._native

    def add(self, role: str, content: Any) -> None:
        """Adds a turn ("system", "user" or "assistant"); nothing is computed yet."""
        parts = read_content(content, self.model)
        self._change().add_message(role_of(role), native_parts(parts))

    def add_text(self, text: str, *, special: bool = False) -> None:
        """Adds text as it is, without a chat format; `special`: with the control tokens that are written in it."""
        self._change().add_text(text, special)

    def add_picture(self, picture: PictureSource) -> None:
        """Adds a picture, with the tokens that the family has around it."""
        self._change().add_picture(picture_of(picture)._native)

    def add_tokens(self, tokens: Sequence[int], pictures: Sequence[PictureSource] = ()) -> None:
        """Adds tokens; each run of a picture's placeholders is the next of `pictures`."""
        self._change().add_tokens(list(tokens), [picture_of(picture)._native for picture in pictures])

    def answer(
        self,
        *,
        schema: Schema | None = None,
        stop: str | Iterable[str] | None = None,
        log_probabilities: bool = False,
        **sampling: Unpack[Sampling],
    ) -> Answer:
        """Answers what was added, or goes on.

        >>> import mica
        >>> session = mica.Session()
        >>> session.add("user", [mica.Picture("panel.jpg"), "Read the display."])
        >>> session.answer().text
        '80.8'
        """
        return self.stream(schema=schema, stop=stop, log_probabilities=log_probabilities, **sampling).finish()

    def prefill(self) -> None:
        """Computes what was added; answers do so by themselves. Ctrl-C ends it."""
        self._native.prefill()

    def logits(self, from_end: int = 0) -> NDArray[numpy.float32]:
        """A row of logits, 0 the newest, of the last prefill or token, read-only and without a copy: it lies in the
        session and changes with it. `logits().copy()` stays.

        >>> import mica
        >>> session = mica.Session()
        >>> session.add("user", "Read the display.")
        >>> session.prefill()
        >>> session.logits().shape == (session.model.vocabulary,)
        True
        """
        import numpy

        return numpy.asarray(self._native.logits(from_end))

    def embed(self, picture: PictureSource) -> NDArray[numpy.float32]:
        """What the decoder is given for a picture: an array of (tokens, width). The conversation stays as it is. Rows
        of one model can be compared with each other.

        >>> import mica
        >>> mica.Session().embed("panel.jpg").shape
        (32, 256)
        """
        import numpy

        return numpy.asarray(self._native.embed(picture_of(picture)._native))

    def picture_tokens(self, picture: PictureSource) -> int:
        """How many tokens the picture would take if it were added now."""
        return self._native.picture_tokens(picture_of(picture)._native)

    def cancel(self) -> None:
        """Stops what the session computes now or next with an `Error` of `Status.CANCELLED`; from any thread."""
        self._native.cancel()

    def clear(self) -> None:
        """Forgets everything."""
        self._change().clear()
        self._answers += 1

    def grow(self, context: int) -> None:
        """Gives it a larger context; all that it holds stays. Not while its logits are held."""
        self._native.grow(context)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Its state to a file: tokens, keys and values, the newest logits."""
        self._native.save(os.fspath(path))

    def restore(self, path: str | os.PathLike[str]) -> None:
        """And back, into a session of the same model with the same settings of keys and values."""
        self._change().restore(os.fspath(path))
        self._answers += 1

    def stats(self) -> SessionStats:
        """What it holds, and what was done."""
        return self._native.stats()

    def reset_stats(self) -> None:
        self._native.reset_stats()

    def __repr__(self) -> str:
        stats = self.stats()
        return f"<mica.Session of {self.model!r}: {stats['tokens']} tokens, {stats['tokens_waiting']} waiting>"
