"""Pictures from what programs have them in are the same pictures; what is none is refused with what to do."""

import io
import os
import tempfile
import unittest

import numpy
import support
from support import noise, png

import mica

MODEL = mica.Model()


def pixels(source):
    return MODEL.picture_pixels(source)


class Sources(unittest.TestCase):
    def assert_same(self, first, second):
        self.assertTrue(numpy.array_equal(pixels(first), pixels(second)))

    def test_path_bytes_and_array(self):
        file = support.PANEL.read_bytes()
        for source in (str(support.PANEL), file, bytearray(file), memoryview(file), mica.Picture(file)):
            self.assert_same(support.PANEL, source)
        rgb = noise(80, 120, 3)
        self.assert_same(png(rgb), rgb)
        self.assertFalse(numpy.array_equal(pixels(rgb), pixels(rgb[::-1])))

    def test_kinds_of_arrays(self):
        gray, rgba = noise(80, 120), noise(80, 120, 4)
        self.assert_same(png(gray), gray)
        self.assert_same(png(rgba), rgba)
        wide = noise(80, 240, 3)
        self.assert_same(wide[:, ::2].copy(), wide[:, ::2])
        self.assert_same(wide[:, 10:90].copy(), wide[:, 10:90])
        fortran = numpy.asfortranarray(noise(80, 120, 3))
        self.assert_same(fortran.copy("C"), fortran)

    def test_no_pictures(self):
        for source, part in ((3, "int"), (numpy.zeros((4, 4), numpy.float32), "float32"), (noise(4, 4, 2), "(4, 4, 2)"),
                             (noise(4), "(4,)"), (None, "NoneType")):
            with self.assertRaisesRegex(TypeError, part.replace("(", r"\(").replace(")", r"\)")):
                mica.Picture(source)
        for source, status in ((b"no picture", mica.Status.UNSUPPORTED), (b"", mica.Status.CORRUPT_FILE),
                               ("missing.png", mica.Status.NOT_FOUND),
                               (support.PANEL.read_bytes()[:300], mica.Status.CORRUPT_FILE),
                               (noise(1, 0, 3), mica.Status.LIMIT_EXCEEDED)):
            with self.assertRaises(mica.Error) as raised:
                mica.Picture(source)
            self.assertEqual(raised.exception.status, status, str(raised.exception))

    def test_equal_where_the_bytes_are(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "picture.png")
            for seed in (1, 2):
                with open(path, "wb") as file:
                    file.write(png(noise(8 + seed, 8, 3)))
                first, again = mica.Picture(path), mica.Picture(path)
                self.assertEqual(first, again)
                self.assertEqual(hash(first), hash(again))
                if seed == 2:
                    self.assertNotEqual(first, before)
                before = first
        self.assertEqual(mica.Picture(noise(4, 4, 3)), mica.Picture(noise(4, 4, 3)))
        self.assertNotEqual(mica.Picture(noise(4, 4, 3)), mica.Picture(255 - noise(4, 4, 3)))

    def test_frames_of_cameras(self):
        width, height, stride = 30, 18, 64
        pairs, lines = width // 2, height // 2
        y, u, v = (numpy.full(shape, value, numpy.uint8)
                   for shape, value in (((height, width), 100), ((lines, pairs), 90), ((lines, pairs), 200)))
        colour = numpy.zeros((height, width, 3), numpy.uint8) + numpy.array([201, 62, 33], numpy.uint8)
        both = numpy.stack([u, v], axis=2).reshape(lines, width)
        yuyv = numpy.stack([y[:, ::2], u.repeat(2, 0), y[:, 1::2], v.repeat(2, 0)], axis=2)

        def padded(plane, to):
            return numpy.pad(plane, ((0, 0), (0, to - plane.shape[1]))).tobytes()

        for layout, frame, rows in (
            ("i420", y.tobytes() + u.tobytes() + v.tobytes(), 0),
            ("i420", padded(y, stride) + padded(u, stride // 2) + padded(v, stride // 2), stride),
            ("nv12", y.tobytes() + both.tobytes(), 0),
            ("nv12", numpy.vstack([y, both]), 0),
            ("nv12", padded(y, stride) + padded(both, stride), stride),
            ("yuyv", yuyv, 0),
        ):
            picture = mica.Picture.from_yuv(frame, width, height, layout, stride=rows)
            self.assert_same(colour, picture)
            self.assertTrue((abs(picture.luma(4, 3).astype(int) - 100) <= 1).all())
            cut = numpy.frombuffer(frame, numpy.uint8)[:-rows - 1]
            for wrong in (cut, b"", frame[: width * height // 2] if isinstance(frame, bytes) else cut):
                with self.assertRaises(mica.Error) as raised:
                    mica.Picture.from_yuv(wrong, width, height, layout, stride=rows)
                self.assertEqual(raised.exception.status, mica.Status.INVALID_ARGUMENT)
        limited = mica.Picture.from_yuv(bytes([235]) * 4 + bytes([128]) * 2, 2, 2, full_range=False)
        self.assertEqual(limited.luma(1, 1)[0, 0], 255)
        with self.assertRaises(mica.Error):
            limited.luma(0, 5000)
        with self.assertRaises(ValueError):
            mica.Picture.from_yuv(b"", 2, 2, "rgb")
        with self.assertRaises(TypeError):
            mica.Picture.from_yuv(numpy.zeros((4, 4, 2), numpy.uint8)[:, :, 0], 2, 2)

    def test_pictures_of_pil(self):
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("PIL is not installed")
        for image in (Image.fromarray(noise(80, 120, 3)), Image.fromarray(noise(80, 120, 4)),
                      Image.fromarray(noise(80, 120)), Image.fromarray(noise(80, 120, dtype=numpy.uint16)),
                      Image.fromarray(noise(80, 120, 3)).quantize(32)):
            file = io.BytesIO()
            image.save(file, "PNG")
            self.assert_same(file.getvalue(), image)
        turned = Image.fromarray(noise(80, 120, 3))
        exif = Image.Exif()
        exif[0x0112] = 6  # a quarter turn
        file = io.BytesIO()
        turned.save(file, "JPEG", exif=exif)
        self.assertEqual(mica.Picture(file.getvalue()).width, 80)
        self.assert_same(file.getvalue(), Image.open(io.BytesIO(file.getvalue())))


class Videos(unittest.TestCase):
    def test_frames(self):
        names = [support.DATA / "images" / f"clip0_{index}.png" for index in range(4)]
        self.assertEqual(len(mica.Video(names, per_second=2)), 4)
        with self.assertRaises(mica.Error) as raised:
            mica.Video("missing.mp4")
        self.assertEqual(raised.exception.status, mica.Status.NOT_FOUND)
        model = mica.Model(support.DATA / "golden" / "qwen2_vl")
        self.assertTrue(model.has_video)
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                os.symlink(name, os.path.join(folder, name.name))
            self.assertEqual(len(mica.Video(folder, model=model)), 4)
            self.assertEqual(len(mica.Video(folder, frames=2)), 2)


support.run()
