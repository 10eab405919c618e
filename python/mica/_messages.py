"""Messages as clients of OpenAI's protocol write them, as turns of a conversation."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ._error import Error, Status
from ._picture import Part, Picture, Video, picture_of

if TYPE_CHECKING:
    from ._model import Model

_ROLES = {"system": 0, "developer": 0, "user": 1, "assistant": 2}

#: One message: {"role": "user", "content": ...}. `content` is a text or a list, of texts, pictures (`Picture`, PIL
#: images, arrays), videos (`Video`), and of parts as OpenAI's client has them ({"type": "text"}, {"type": "image_url"},
#: whose URL is a data: URL) or transformers ({"type": "image", "image": PATH or picture}, {"type": "video", "video":
#: PATH}).
Message = Mapping[str, Any]


class Turn(NamedTuple):
    """A message that was read."""

    role: int
    parts: tuple[Part, ...]

    def key(self) -> tuple[object, ...]:
        """Equal where turns are the same for the model. Clients give answers back without the blanks at their ends."""
        parts = self.parts
        if self.role == _ROLES["assistant"]:
            parts = tuple(part.strip() if isinstance(part, str) else part for part in parts)
        return self.role, *parts


def answer_turn(text: str) -> Turn:
    return Turn(_ROLES["assistant"], (text,))


def _refusal(text: str) -> Error:
    return Error(Status.INVALID_ARGUMENT, text)


def _url_of(part: Mapping[str, Any]) -> str:
    url = part.get("image_url")
    if isinstance(url, Mapping):
        url = url.get("url")
    if not isinstance(url, str):
        raise _refusal('an "image_url" has no "url"')
    return url


def _picture_of_url(url: str) -> Picture:
    head, comma, data = url.partition(",")
    if not head.startswith("data:") or not comma or not head.endswith(";base64"):
        raise _refusal(
            f'a picture\'s URL begins with "{url[:32]}"; mica asks no network, and opens no file that a '
            'message names so: give "data:image/...;base64,...", or {"type": "image", "image": PATH}'
        )
    try:
        return Picture(base64.b64decode(data, validate=True))
    except binascii.Error as error:
        raise _refusal(f"a picture's data: URL is no base64: {error}") from None


def _text_of(part: Mapping[str, Any]) -> str:
    text = part.get("text")
    if not isinstance(text, str):
        raise _refusal('a part of the type "text" has no "text"')
    return text


def _source_of(part: Mapping[str, Any], kind: str) -> Any:
    if part.get(kind) is None:
        raise _refusal(f'a part of the type "{kind}" has no "{kind}"')
    return part[kind]


def _video_of(source: Any, model: Model) -> Video:
    return source if isinstance(source, Video) else Video(source, model=model)


_PARTS: dict[str, Callable[[Mapping[str, Any], Model], Part]] = {
    "text": lambda part, _: _text_of(part),
    "input_text": lambda part, _: _text_of(part),
    "output_text": lambda part, _: _text_of(part),
    "image_url": lambda part, _: _picture_of_url(_url_of(part)),
    "input_image": lambda part, _: _picture_of_url(_url_of(part)),
    "image": lambda part, _: picture_of(_source_of(part, "image")),
    "video": lambda part, model: _video_of(_source_of(part, "video"), model),
}


def _part_of(part: Any, model: Model) -> Part:
    if isinstance(part, (str, Picture, Video)):
        return part
    if not isinstance(part, Mapping):
        return picture_of(part)
    kind = part.get("type")
    if kind not in _PARTS:
        raise _refusal(f'a part of a message is of the type "{kind}"; there are: {", ".join(_PARTS)}')
    return _PARTS[kind](part, model)


def read_content(content: Any, model: Model) -> tuple[Part, ...]:
    """The parts of a message's content; what is no list is one part."""
    return tuple(_part_of(part, model) for part in (content if isinstance(content, (list, tuple)) else [content]))


def _content_of(message: Message) -> Any:
    content = message.get("content")
    if message.get("tool_calls") or content is None:
        raise _refusal('a message has no "content"; calls of tools are not run here')
    return content


def role_of(name: Any) -> int:
    if name not in _ROLES:
        raise _refusal(f'there is no role "{name}" here; there are: {", ".join(_ROLES)}')
    return _ROLES[name]


def read_messages(messages: Sequence[Message], model: Model) -> list[Turn]:
    """All turns of a conversation; the last one is the user's, or there is nothing to answer."""
    turns = [Turn(role_of(message.get("role")), read_content(_content_of(message), model)) for message in messages]
    if not turns or turns[-1].role != _ROLES["user"]:
        raise _refusal("the last message is not the user's, so there is nothing to answer")
    return turns
