"""Models: opened once, shared by sessions."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _native
from ._options import Sampling, SessionOptions
from ._picture import PictureSource, picture_of

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from typing_extensions import Unpack


class Model:
    """A model: a folder with a Hugging Face checkpoint, a `.gguf` file or a packed `.mica` file; without a path the
    small one that is inside the library. Its file is mapped and must not change while the model is in use.

    >>> import mica
    >>> model = mica.Model()
    >>> model.family, model.has_vision
    ('qwen2_vl', True)

    `chat_format` writes turns in a named format ("chatml", "llama3", ...), `chat_template` by the Jinja template given,
    in place of the model's own; `projector` is the file of a GGUF model's picture tower (mmproj).
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        chat_format: str | None = None,
        chat_template: str | None = None,
        projector: str | os.PathLike[str] | None = None,
    ) -> None:
        options = {
            "chat_format": chat_format,
            "chat_template": chat_template,
            "projector": None if projector is None else os.fspath(projector),
        }
        self.path = None if path is None else os.fspath(path)
        self._native = _native.Model("" if self.path is None else self.path, options)

    @property
    def family(self) -> str:
        """"qwen2_vl", "llama", ..."""
        return self._native.family

    @property
    def description(self) -> str:
        """What it is for, as its packed file says it; "" where nothing is said."""
        return self._native.description

    @property
    def context_max(self) -> int:
        """Tokens, as far as it was trained."""
        return self._native.context_max

    @property
    def vocabulary(self) -> int:
        """Logits in a row."""
        return self._native.vocabulary

    @property
    def parameters(self) -> int:
        return self._native.parameters

    @property
    def bytes(self) -> int:
        """Of the weights, as they are stored."""
        return self._native.bytes

    @property
    def has_vision(self) -> bool:
        return self._native.has_vision

    @property
    def has_video(self) -> bool:
        return self._native.has_video

    @property
    def has_chat(self) -> bool:
        """It has a tokenizer and a chat format."""
        return self._native.has_chat

    def describe(self) -> dict[str, Any]:
        """Everything that can be said about it: shapes, storage, picture rules, chat format, tensors.

        >>> import mica
        >>> mica.Model().describe()["family"]
        'qwen2_vl'
        """
        description: dict[str, Any] = json.loads(self._native.describe())
        return description

    def describe_session(self, **options: Unpack[SessionOptions]) -> dict[str, Any]:
        """What a session with these options would be: context, threads, memory, bits of keys and values.

        >>> import mica
        >>> mica.Model().describe_session(context=256)["context"]
        256
        """
        description: dict[str, Any] = json.loads(self._native.describe_session(dict(options)))
        return description

    def context_within_memory(self, wanted: int, **options: Unpack[SessionOptions]) -> int:
        """The largest context up to `wanted` tokens whose session fits into the memory that is left."""
        return self._native.context_within_memory(wanted, dict(options))

    def sampling_default(self) -> Sampling | None:
        """As its generation_config.json asks for it; None without one."""
        return self._native.sampling_default()

    def verify(self) -> None:
        """Compares every checksum of a packed file with its data; an `Error` where they differ."""
        self._native.verify()

    def tokenize(self, text: str, *, special: bool = False, begin: bool = False, end: bool = False) -> list[int]:
        """The tokens of a text. `special`: strings of control tokens become those tokens; `begin`, `end`: with those
        that the tokenizer's file wants before and behind a text.

        >>> import mica
        >>> model = mica.Model()
        >>> model.detokenize(model.tokenize("Read the dial."))
        'Read the dial.'
        """
        return self._native.tokenize(text, special * 1 | begin * 2 | end * 4)

    def detokenize(self, tokens: Sequence[int], *, skip_special: bool = True) -> str:
        """The text of tokens."""
        return self._native.detokenize(list(tokens), skip_special)

    def picture_tokens(self, picture: PictureSource) -> int:
        """How many tokens the picture takes by the model's own rules.

        >>> import mica
        >>> mica.Model().picture_tokens("panel.jpg")
        32
        """
        return self._native.picture_tokens(picture_of(picture)._native)

    def picture_pixels(self, picture: PictureSource) -> NDArray[numpy.float32]:
        """The numbers that the vision tower reads, in the order of the family's published processor."""
        import numpy

        return numpy.asarray(self._native.picture_pixels(picture_of(picture)._native))

    def __repr__(self) -> str:
        return f"<mica.Model {self.path or 'inside the library'}: {self.family}>"


def model_of(source: Model | str | os.PathLike[str] | None) -> Model:
    return source if isinstance(source, Model) else Model(source)
