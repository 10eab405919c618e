#!/usr/bin/env python3
"""Makes tests/data/picture: sample files of every kind, and what PIL and transformers make of them.

Not part of the test run: the results are kept, and this is how they came to be.
Needs Python 3.10 with pillow 13.0.0, numpy, transformers 5, and the program of jpeg_kinds.c:
    cc jpeg_kinds.c -ljpeg -o jpeg_kinds && python3 make_reference.py ./jpeg_kinds ../data/picture
"""
import json
import pathlib
import struct
import subprocess
import sys
import zlib

import numpy as np
from PIL import Image, ImageOps

WIDTH, HEIGHT = 37, 23  # odd, and more than one block of 16 x 16


def photo(width=WIDTH, height=HEIGHT):
    """Smooth colours with an edge and a little noise."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    noise = np.random.default_rng(7).integers(0, 24, (height, width, 3))
    rgb = np.stack([x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)], -1) * 0.9 + noise
    rgb[height // 3:height // 2, width // 4:width // 2] = (250, 10, 60)
    return rgb.clip(0, 255).astype(np.uint8)


def bytes_of_index(count):
    """The same bytes as tests/picture/picture_test.hpp's: a hash of the index."""
    with np.errstate(over="ignore"):
        h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761)
        h ^= h >> np.uint32(15)
        h *= np.uint32(2246822519)
    return (h >> np.uint32(24)).astype(np.uint8)


# --- PNG: written here, since PIL writes few kinds --------------------------------------------------------------------

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_row(samples, depth):
    if depth == 16:
        return samples.astype(">u2").tobytes()
    if depth == 8:
        return samples.astype(np.uint8).tobytes()
    bits = ((samples.reshape(-1)[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(bits.reshape(-1)).tobytes()


def png(samples, depth, colour_type, interlaced=False, before=b"", after=b"", idat=None):
    """samples: [height, width, channels]. before, after: chunks that stand before and after the pixels; idat: rows."""
    height, width = samples.shape[:2]
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    rows = b""
    for y0, dy, x0, dx in passes if interlaced else [(0, 1, 0, 1)]:
        part = samples[y0::dy, x0::dx]
        if part.size:
            rows += b"".join(b"\0" + pack_row(row, depth) for row in part)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows if idat is None else idat, 9)) + after +
            chunk(b"IEND", b""))


def tiff_orientation(value, order):
    """A TIFF structure of one entry."""
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)


def make_png(folder):
    rng = np.random.default_rng(3)
    rgb = photo()
    for depth in (1, 2, 4, 8, 16):
        for colour_type, name, channels in ((0, "gray", 1), (2, "rgb", 3), (3, "palette", 1), (4, "gray_alpha", 2),
                                            (6, "rgba", 4)):
            if (colour_type in (2, 4, 6) and depth < 8) or (colour_type == 3 and depth > 8):
                continue
            samples = rng.integers(0, 1 << depth, (HEIGHT, WIDTH, channels))
            if name == "gray" and depth == 16:
                samples[::2] >>= 7  # values that PIL's clipping leaves apart
            before = b""
            if colour_type == 3:
                before = chunk(b"PLTE", rng.integers(0, 256, (1 << depth) * 3, dtype=np.uint8).tobytes())
            for interlaced in (False, True):
                file = folder / f"{name}{depth}{'_interlaced' if interlaced else ''}.png"
                file.write_bytes(png(samples, depth, colour_type, interlaced, before))
    gray = rgb[..., :1]
    (folder / "gray8_transparent.png").write_bytes(png(gray, 8, 0, before=chunk(b"tRNS", struct.pack(">H", 100))))
    transparent = chunk(b"tRNS", struct.pack(">HHH", 250, 10, 60))
    (folder / "rgb8_transparent.png").write_bytes(png(rgb, 8, 2, before=transparent))
    palette = chunk(b"PLTE", bytes(range(30)) * 2)
    indices = rng.integers(0, 20, (HEIGHT, WIDTH, 1))
    (folder / "palette8_transparent.png").write_bytes(
        png(indices, 8, 3, before=palette + chunk(b"tRNS", bytes([0, 128, 255]))))
    # Every colour with every alpha.
    value, alpha = np.meshgrid(np.arange(256), np.arange(256))
    every = np.stack([value, 255 - value, value // 2, alpha], -1)
    rises = np.diff(every, axis=0, prepend=np.zeros((1, 256, 4), int)).astype(np.uint8)
    rows = b"".join(b"\2" + row.tobytes() for row in rises)  # filtered by "up": the file is small
    (folder / "every_alpha.png").write_bytes(png(every, 8, 6, idat=rows))
    (folder / "palette8_short.png").write_bytes(png(indices * 3, 8, 3, before=palette))
    (folder / "exif_before.png").write_bytes(png(rgb, 8, 2, before=chunk(b"eXIf", tiff_orientation(6, ">"))))
    (folder / "exif_after.png").write_bytes(png(rgb, 8, 2, after=chunk(b"eXIf", tiff_orientation(5, "<"))))
    (folder / "exif_interlaced.png").write_bytes(png(rgb, 8, 2, True, before=chunk(b"eXIf", tiff_orientation(8, "<"))))
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="7"/></x:xmpmeta>'
    (folder / "xmp.png").write_bytes(png(rgb, 8, 2, before=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)))
    for width, height in ((1, 1), (1, 9), (9, 1), (3, 5)):
        part = rgb[:height, :width]
        (folder / f"tiny_{width}x{height}_interlaced.png").write_bytes(png(part, 8, 2, True))


# --- JPEG, WebP -------------------------------------------------------------------------------------------------------

def make_jpeg(folder, jpeg_kinds):
    picture = Image.fromarray(photo())
    picture.convert("L").save(folder / "gray.jpg", quality=90)
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        picture.save(folder / f"rgb_{subsampling.replace(':', '')}.jpg", quality=90, subsampling=subsampling)
    picture.save(folder / "progressive.jpg", quality=80, progressive=True)
    picture.convert("L").save(folder / "gray_progressive.jpg", quality=80, progressive=True)
    picture.save(folder / "restarts.jpg", quality=80, restart_marker_blocks=2)
    picture.save(folder / "stored_as_rgb.jpg", quality=90, keep_rgb=True)
    picture.convert("CMYK").save(folder / "cmyk.jpg", quality=90)
    picture.resize((1, 1)).save(folder / "tiny_1x1.jpg")
    Image.fromarray(photo(3, 1000)).save(folder / "high_3x1000.jpg")
    xmp = b"<x:xmpmeta><tiff:Orientation>3</tiff:Orientation></x:xmpmeta>"
    picture.save(folder / "xmp.jpg", quality=90, xmp=xmp)
    picture.save(folder / "exif_beats_xmp.jpg", quality=90, xmp=xmp, exif=b"Exif\0\0" + tiff_orientation(2, ">"))
    for orientation in range(0, 10):
        order = "<" if orientation % 2 else ">"
        picture.save(folder / f"orientation_{orientation}.jpg", quality=90,
                     exif=b"Exif\0\0" + tiff_orientation(orientation, order))
    (folder / "photo.rgb").write_bytes(photo().tobytes())
    subprocess.run([jpeg_kinds, folder / "photo.rgb", str(WIDTH), str(HEIGHT), folder], check=True)
    (folder / "photo.rgb").unlink()


def make_webp(folder):
    picture = Image.fromarray(photo())
    picture.save(folder / "lossy.webp", quality=80)
    picture.save(folder / "lossless.webp", lossless=True)
    alpha = picture.copy()
    alpha.putalpha(Image.fromarray(photo()[..., 1]))
    alpha.save(folder / "alpha.webp", quality=80)
    alpha.save(folder / "alpha_lossless.webp", lossless=True, exact=True)
    picture.save(folder / "orientation_6.webp", lossless=True, exif=b"Exif\0\0" + tiff_orientation(6, "<"))
    frames = [picture.rotate(a) for a in (0, 90, 180)]
    frames[0].save(folder / "animated.webp", save_all=True, append_images=frames[1:], lossless=True)


def decoded_cases(folder):
    """What PIL decodes, and "on_white": what transformers makes of it where something is transparent."""
    from transformers.image_transforms import convert_to_rgb
    cases = []
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".png", ".jpg", ".webp"):
            picture = ImageOps.exif_transpose(Image.open(file))
            rgb = np.array(picture.convert("RGB"))
            case = {"file": str(file.relative_to(folder)), "width": rgb.shape[1], "height": rgb.shape[0],
                    "crc32": zlib.crc32(rgb.tobytes())}
            if "A" in picture.getbands() or picture.info.get("transparency") is not None:
                case["on_white"] = zlib.crc32(convert_to_rgb(picture, return_numpy=True).tobytes())
            cases.append(case)
    return cases


# --- resampling and pixel values --------------------------------------------------------------------------------------

def source(width, height):
    return bytes_of_index(width * height * 3).reshape(height, width, 3)


def resampled_cases():
    sizes = [(1, 1, 1, 1), (1, 1, 17, 9), (17, 9, 1, 1), (40, 30, 40, 30), (40, 30, 40, 11), (40, 30, 13, 30),
             (40, 30, 40, 77), (40, 30, 91, 30), (64, 64, 32, 32), (64, 64, 63, 65), (101, 67, 50, 33),
             (101, 67, 200, 133), (5, 93, 131, 52), (93, 5, 52, 131), (7, 14, 12, 12), (50, 300, 60, 100),
             (50, 300, 40, 100), (50, 70, 40, 50), (50, 70, 40, 49), (300, 50, 100, 60), (2, 3000, 16, 16),
             (3000, 2, 16, 16), (1, 65500, 14, 14), (65500, 1, 14, 14), (641, 479, 224, 224), (479, 641, 224, 224),
             (33, 47, 448, 448), (9, 9, 8, 1000), (256, 256, 255, 255), (200, 133, 196, 140)]
    filters = {name.lower(): Image.Resampling[name]
               for name in ("BILINEAR", "BICUBIC", "NEAREST", "LANCZOS", "BOX", "HAMMING")}
    cases = []
    for size in sizes:
        for name, resampling in filters.items():
            resized = Image.fromarray(source(*size[:2])).resize(size[2:], resampling)
            cases.append({"source": size[:2], "target": size[2:], "filter": name,
                          "crc32": zlib.crc32(np.array(resized).tobytes())})
    return cases


MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def reference_values(rule, picture):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
    size = {"height": rule.get("height"), "width": rule.get("width")}
    options = {"image_mean": MEAN, "image_std": STD, "return_tensors": "np",
               "resample": Image.Resampling[rule["filter"].upper()],
               "do_rescale": rule.get("do_rescale", True), "do_normalize": rule.get("do_normalize", True)}
    if rule["cut"] == "fixed":
        values = GotOcr2ImageProcessorPil()(picture, size=size, crop_to_patches=False, **options)
    elif rule["cut"] == "shortest_edge":
        shortest_edge = {"shortest_edge": rule["shortest_edge"]}
        values = CLIPImageProcessorPil()(picture, size=shortest_edge, crop_size=size, **options)
    elif rule["cut"] == "smart_resize":
        values = Qwen2VLImageProcessorPil()(
            picture, size={"shortest_edge": rule["pixels_min"], "longest_edge": rule["pixels_max"]},
            patch_size=rule["patch"], merge_size=rule["merge"], temporal_patch_size=rule["temporal"], **options)
    else:
        values = GotOcr2ImageProcessorPil()(picture, size=size, crop_to_patches=True, min_patches=rule["tiles_min"],
                                            max_patches=rule["tiles_max"], **options)
    return np.asarray(values["pixel_values"], dtype="<f4")


def pixels_cases():
    rules = []
    for cut in ("bicubic", "bilinear"):
        rules += [{"cut": "fixed", "filter": cut, "width": 28, "height": 42},
                  {"cut": "shortest_edge", "filter": cut, "shortest_edge": 56, "width": 56, "height": 56},
                  {"cut": "shortest_edge", "filter": cut, "shortest_edge": 30, "width": 57, "height": 44}]
    rules += [{"cut": "fixed", "filter": "bicubic", "width": 14, "height": 14, "do_normalize": False},
              {"cut": "fixed", "filter": "bicubic", "width": 14, "height": 14, "do_rescale": False},
              {"cut": "shortest_edge", "filter": "bicubic", "shortest_edge": 43, "width": 28, "height": 14}]
    for minimum, maximum, patch, merge, temporal in ((3136, 60000, 14, 2, 2), (4096, 9000, 16, 2, 2),
                                                     (900, 20000, 5, 3, 1), (50000, 60000, 14, 1, 2)):
        rules.append({"cut": "smart_resize", "filter": "bicubic", "pixels_min": minimum, "pixels_max": maximum,
                      "patch": patch, "merge": merge, "temporal": temporal})
    for width, height, tiles_min, tiles_max in ((56, 56, 1, 6), (28, 28, 1, 12), (20, 30, 3, 4), (14, 14, 5, 9),
                                                (28, 28, 1, 1)):
        rules.append({"cut": "tiles", "filter": "bicubic", "width": width, "height": height, "tiles_min": tiles_min,
                      "tiles_max": tiles_max})
    sizes = ((1, 1), (5, 4), (56, 56), (70, 42), (42, 70), (100, 147), (161, 120), (19, 300), (300, 19))
    cases = []
    for rule in rules:
        for width, height in sizes:
            values = reference_values(rule, Image.fromarray(source(width, height)))
            cases.append({"rule": rule, "source": [width, height], "values": values.size,
                          "crc32": zlib.crc32(values.tobytes())})
    return cases


def main():
    jpeg_kinds, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    for name in ("png", "jpeg", "webp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    make_png(folder / "png")
    make_jpeg(folder / "jpeg", jpeg_kinds)
    make_webp(folder / "webp")
    tables = {"decoded": decoded_cases(folder), "resampled": resampled_cases(), "pixels": pixels_cases()}
    for name, cases in tables.items():
        rows = ",\n".join(json.dumps(case) for case in cases)
        (folder / f"{name}.json").write_text(f"[\n{rows}\n]\n")
        print(f"{len(cases)} {name}")


if __name__ == "__main__":
    main()
