"""Pictures and videos, from what Python programs have them in."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Union

from . import _native

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from ._model import Model

_LAYOUTS, _MATRICES = ("nv12", "i420", "yuyv"), ("bt601", "bt709")  # by mica_camera.h's numbers

#: What a picture can be made of: a path, the bytes of a file, a PIL image, an array, or a `Picture` itself.
PictureSource = Any


class Picture:
    """A picture: JPEG, PNG or WebP from a path or from bytes, a PIL image, or an array of pixels.

    Arrays are uint8 and (height, width, 3) for RGB, (height, width, 4) for RGBA, (height, width) for gray. Pictures are
    seen as people see them: turned as their metadata says, transparent parts on white, 16-bit gray in its high byte.
    Pixels are copied; one picture may be used in any number of sessions.

    >>> import mica, numpy
    >>> mica.Picture("panel.jpg")
    <mica.Picture 224 x 112>
    >>> with open("panel.jpg", "rb") as file:
    ...     mica.Picture(file.read())
    <mica.Picture 224 x 112>
    >>> mica.Picture(numpy.zeros((48, 64, 3), numpy.uint8))
    <mica.Picture 64 x 48>
    """

    def __init__(self, source: PictureSource) -> None:
        self._identity: object = None  # equal where the pixels must be
        if isinstance(source, (str, os.PathLike)):
            self._identity = _identity_of_file(os.fspath(source))
            self._native = _native.Picture.open(os.fspath(source))
        elif isinstance(source, (bytes, bytearray, memoryview)):
            self._identity = hashlib.blake2b(source).digest()
            self._native = _native.Picture.decode(source)
        elif hasattr(source, "getexif") and hasattr(source, "convert"):
            self._of_pixels(_rgb_of_pil(source))
        elif hasattr(source, "__array__") or hasattr(source, "__array_interface__"):
            self._of_pixels(_rgb_of_array(source))
        elif isinstance(source, Picture):
            self._identity, self._native = source._identity, source._native
        else:
            raise TypeError(
                f"no picture can be made of {type(source).__name__}: give a path, the bytes of a file, a PIL image or "
                "an array of uint8"
            )

    def _of_pixels(self, pixels: NDArray[numpy.uint8]) -> None:
        self._identity = (pixels.shape, hashlib.blake2b(pixels.data).digest())
        self._native = _native.Picture.from_rgb(pixels.data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Picture) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @classmethod
    def from_yuv(
        cls,
        frame: Any,
        width: int,
        height: int,
        layout: Literal["nv12", "i420", "yuyv"] = "i420",
        *,
        stride: int = 0,
        full_range: bool = True,
        matrix: Literal["bt601", "bt709"] = "bt601",
    ) -> Picture:
        """A raw frame of a camera: bytes or an array of uint8 whose planes follow each other. `stride`: bytes from row
        to row, where they have more than pixels; `full_range`: luma of 0 to 255, as in JPEG, else of 16 to 235.

        >>> import mica
        >>> mica.Picture.from_yuv(bytes(640 * 480) + bytes([128]) * (640 * 240), 640, 480, "nv12")
        <mica.Picture 640 x 480>
        """
        picture = cls.__new__(cls)
        numbers = _LAYOUTS.index(layout), _MATRICES.index(matrix)
        picture._native = _native.Picture.from_yuv(frame, width, height, *numbers, full_range, stride)
        picture._identity = (width, height, numbers, full_range, stride, hashlib.blake2b(frame).digest())
        return picture

    def luma(self, columns: int, rows: int) -> NDArray[numpy.uint8]:
        """The mean luma of columns x rows cells: to see cheaply whether two frames differ, and where."""
        import numpy

        return numpy.frombuffer(self._native.luma(columns, rows), numpy.uint8).reshape(rows, columns)

    @property
    def width(self) -> int:
        return self._native.width

    @property
    def height(self) -> int:
        return self._native.height

    def __repr__(self) -> str:
        return f"<mica.Picture {self.width} x {self.height}>"


def _identity_of_file(path: str) -> object:
    """Another one when the file was changed, and for what is read only once (a pipe)."""
    try:
        state = os.stat(path)
    except OSError:
        return object()
    if not stat.S_ISREG(state.st_mode):
        return object()
    return path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _rgb_of_array(source: Any) -> NDArray[numpy.uint8]:
    import numpy

    pixels = numpy.asarray(source)
    if pixels.dtype != numpy.uint8:
        raise TypeError(f"an array of {pixels.dtype}; pixels are uint8 (0 to 255): convert it first")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None].repeat(3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise TypeError(f"an array of shape {pixels.shape}; pixels are (height, width), with 3 or 4 channels behind")
    if pixels.shape[2] == 4:
        pixels = _on_white(pixels)
    return numpy.ascontiguousarray(pixels)


def _on_white(pixels: NDArray[numpy.uint8]) -> NDArray[numpy.uint8]:
    import numpy

    alpha = pixels[:, :, 3:].astype(numpy.uint16)
    mixed = pixels[:, :, :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(numpy.uint8)


def _rgb_of_pil(image: Any) -> NDArray[numpy.uint8]:
    import numpy
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return _rgb_of_array((numpy.asarray(image).astype(numpy.uint16) >> 8).astype(numpy.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        return _rgb_of_array(image.convert("RGBA"))
    return _rgb_of_array(image.convert("RGB"))


def picture_of(source: PictureSource) -> Picture:
    return source if isinstance(source, Picture) else Picture(source)


class Video:
    """A video, for models that take them: frames in order, all in one place of a prompt.

    `source` is a video file (read by FFmpeg's libraries, where they are installed), a folder of pictures, or the frames
    themselves, `per_second` of them a second. Of a file or folder `frames` are seen, evenly spread, or `per_second` of
    each second, or what the model's processor says.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Iterable[PictureSource],
        *,
        model: Model | None = None,
        frames: int = 0,
        per_second: float = 0,
    ) -> None:
        if isinstance(source, (str, os.PathLike)):
            native_model = None if model is None else model._native
            self._frames = _native.read_video(os.fspath(source), native_model, frames, per_second)
            return
        self._frames = [Picture(frame)._native for frame in source]
        if per_second > 0:
            for index, frame in enumerate(self._frames):
                frame.set_time(index / per_second, per_second)

    def __len__(self) -> int:
        return len(self._frames)

    def __repr__(self) -> str:
        return f"<mica.Video of {len(self)} frames>"


class CacheStats(TypedDict):
    """Pictures that are kept and their bytes; how often sessions found one, or did not."""

    pictures: int
    bytes: int
    bytes_max: int
    found: int
    missed: int


class PictureCache:
    """Encoded pictures, kept so that one that comes again is not encoded again: the most of what a picture takes.
    They may serve any sessions of their model, in any threads.

    >>> import mica
    >>> model = mica.Model()
    >>> cache = mica.PictureCache(model)
    >>> first, second = mica.Session(model, cache=cache), mica.Session(model, cache=cache)
    >>> first.ask("Read the display.", "panel.jpg").text, second.ask("Read the display.", "panel.jpg").text
    ('80.8', '80.8')
    >>> cache.stats()["found"], cache.stats()["missed"]
    (1, 1)
    """

    def __init__(self, model: Model, bytes_max: int = 64 << 20) -> None:
        self._native = _native.PictureCache(model._native, bytes_max)

    def clear(self) -> None:
        self._native.clear()

    def stats(self) -> CacheStats:
        return self._native.stats()


Part = Union[str, Picture, Video]


def native_parts(parts: Sequence[Part]) -> list[Any]:
    """As the native module takes them: texts, pictures, lists of frames."""
    return [part if isinstance(part, str) else part._frames if isinstance(part, Video) else part._native
            for part in parts]
