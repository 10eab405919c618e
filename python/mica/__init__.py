"""mica answers questions about pictures on a CPU, offline.

A small model is inside (it reads panels of instruments and nothing else), so that the first answer needs no download:

>>> import mica
>>> session = mica.Session()
>>> session.ask("Read the display.", "panel.jpg").text
'80.8'

Another one is a folder with a Hugging Face checkpoint, a GGUF file or a packed `.mica` file:
`mica.Session("qwen.mica")`.

- `Model`: read-only and shared; `Session`: one conversation, with `ask`, `chat` and `stream`.
- `Batch`: many conversations at once, for which a model's weights are read once a token of all of them.
- `Picture`, `Video`: from paths, bytes, PIL and numpy; `PictureCache`: pictures that are encoded once.
- `Answer`: the text, its tokens, why it stopped.
- `Error`: every failure, with its `Status` and a message that names the file, field or option.

Computing does not hold the interpreter's lock: other threads of Python go on. A session is used by one thread at a
time, and so are all of a batch; another one waits. What the library has to say goes to `logging.getLogger("mica")`.
"""

from __future__ import annotations

from . import _log
from ._answer import Answer, Stream
from ._batch import Batch
from ._error import Error, Status
from ._model import Model
from ._options import Sampling, SessionOptions
from ._picture import Picture, PictureCache, Video
from ._process import cpu, memory_available, set_isa, version
from ._session import Session

__version__ = version()
__all__ = [
    "Answer", "Batch", "Error", "Model", "Picture", "PictureCache", "Sampling", "Session", "SessionOptions", "Status",
    "Stream", "Video", "cpu", "memory_available", "set_isa", "version",
]

_log.begin()
