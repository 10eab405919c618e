#!/usr/bin/env python3
"""Writes the videos of ../data/video: twelve grey frames of 48 x 32, each brighter than the one before by 16, so that a
frame's brightness says which it is; and a second of silence. Needs PyAV and numpy."""
import sys
from fractions import Fraction

import av
import numpy as np

TARGET = sys.argv[1] if len(sys.argv) > 1 else "../data/video"
FRAMES, RATE, WIDTH, HEIGHT = 12, 6, 48, 32


def write(name, codec, pixel_format, container_format=None, options=None, frames=FRAMES):
    with av.open(f"{TARGET}/{name}", "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=RATE, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        for i in range(frames):
            gray = np.full((HEIGHT, WIDTH, 3), 24 + 16 * i, np.uint8)
            frame = av.VideoFrame.from_ndarray(gray, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_sound(name):
    with av.open(f"{TARGET}/{name}", "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        for i in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, 1024 * i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


write("h264.mp4", "libx264", "yuv420p", options={"bf": "2", "g": "6"})
write("vp9.webm", "libvpx-vp9", "yuv420p", options={"crf": "30", "b": "0"})
write("mjpeg.avi", "mjpeg", "yuvj420p")
write("mpeg2.ts", "mpeg2video", "yuv420p", "mpegts")
write_sound("sound.mp4")
