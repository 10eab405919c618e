#!/usr/bin/env python3
"""Gives a packed model (.mica) other documents and a description; its weights stay bit for bit as they are.

    python3 repack.py OLD.mica NEW.mica [--describe TEXT] [DOCUMENT.json ...]

A document replaces the one of its name or is added. Python's standard library is enough. The layout that is written is
in src/io/packed_format.hpp.
"""
import argparse
import json
import pathlib
import struct

PREFIX = '{"__metadata__":{"mica.format":"1","mica.header_crc32c":"'
ALIGNMENT = 64


def crc32c(data):
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def head_of(header):
    """Length and header, with the checksum of both in its place."""
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    assert text.startswith(PREFIX + "00000000")
    header_bytes = text.encode()
    header_bytes += b" " * (-(8 + len(header_bytes)) % ALIGNMENT)
    head = bytearray(struct.pack("<Q", len(header_bytes)) + header_bytes)
    at = 8 + len(PREFIX)
    head[at:at + 8] = b"%08x" % crc32c(head)
    return bytes(head)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("documents", type=pathlib.Path, nargs="*")
    parser.add_argument("--describe", default=None)
    arguments = parser.parse_intermixed_args()
    packed = arguments.old.read_bytes()
    length = struct.unpack("<Q", packed[:8])[0]
    header = json.loads(packed[8:8 + length])
    metadata = header["__metadata__"]
    metadata["mica.header_crc32c"] = "0" * 8
    for document in arguments.documents:
        metadata[document.name] = document.read_text()
    if arguments.describe is not None:
        metadata["mica.description"] = arguments.describe
    arguments.new.write_bytes(head_of(header) + packed[8 + length:])


if __name__ == "__main__":
    main()
