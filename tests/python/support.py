"""What the tests of the package share: inputs, and how a test file is run. Not a test."""

import os
import pathlib
import struct
import sys
import unittest
import zlib

SKIPPED = 77  # as Meson knows it

try:
    import numpy
except ImportError:
    print("numpy is not installed")
    sys.exit(SKIPPED)

SAMPLES = pathlib.Path(os.environ["MICA_SAMPLES"])
DATA = pathlib.Path(os.environ["MICA_TESTS_DATA"])
PANEL = SAMPLES / "panel.jpg"
DISPLAY, UNIT = "Read the display.", "Which unit is this?"


def asking(text, picture=PANEL):
    return [{"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": text}]}]


def png(pixels):
    """The file of an array of samples: gray, gray of 16 bits, RGB or RGBA."""
    height, width = pixels.shape[:2]
    color = {2: 0, 3: {2: 4, 3: 2, 4: 6}.get(pixels.shape[-1])}[pixels.ndim]
    rows = pixels.astype(">u2") if pixels.dtype == numpy.uint16 else pixels
    data = b"".join(b"\0" + rows[y].tobytes() for y in range(height))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def noise(*shape, dtype=numpy.uint8):
    return numpy.random.default_rng(7).integers(0, numpy.iinfo(dtype).max, shape, dtype, endpoint=True)


def run():
    unittest.main(module="__main__", verbosity=1)
