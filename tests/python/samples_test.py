"""The samples in samples/python/, run as programs, and what they print."""

import subprocess
import sys
import unittest

import support
from support import DISPLAY, PANEL, UNIT

FOLDER = support.SAMPLES / "python"
PANELS = [str(path) for path in sorted((support.DATA / "panel").glob("*.jpg"))[:4]]


def run(name, *arguments, text="", status=0):
    done = subprocess.run([sys.executable, FOLDER / name, *arguments], input=text, capture_output=True, text=True)
    assert done.returncode == status, (name, done.returncode, done.stdout, done.stderr)
    return done


class Samples(unittest.TestCase):
    def test_each_is_run_here(self):
        names = {path.name for path in FOLDER.glob("*.py")}
        self.assertEqual(names, {"ask.py", "stream.py", "chat.py", "schema.py", "batch.py", "embeddings.py",
                                 "label_pictures_ray.py"})
        for name in names - {"chat.py", "label_pictures_ray.py"}:  # what it takes, where it is given nothing
            self.assertIn(name, run(name, status=1).stderr)

    def test_ask(self):
        self.assertEqual(run("ask.py", PANEL, DISPLAY).stdout, "80.8\n")
        self.assertIn("NOT_FOUND", run("ask.py", "missing.jpg", DISPLAY, status=1).stderr)

    def test_stream(self):
        self.assertRegex(run("stream.py", PANEL, DISPLAY).stdout, r"^80\.8\n\d tokens, \d+% likely, over: end\n$")

    def test_chat(self):
        self.assertEqual(run("chat.py", PANEL, text=f"{DISPLAY}\n{UNIT}\n").stdout, "80.8\nVALVE 1\n")

    def test_schema(self):
        self.assertEqual(run("schema.py", PANEL, DISPLAY, '{"type": "number"}').stdout, "float 80.8\n")

    def test_batch(self):
        lines = run("batch.py", DISPLAY, *PANELS, str(PANEL)).stdout.splitlines()
        self.assertEqual(sorted(line.split(": ")[0] for line in lines), sorted([*PANELS, str(PANEL)]))
        self.assertIn(f"{PANEL}: 80.8", lines)
        self.assertIn("NOT_FOUND", run("batch.py", DISPLAY, "missing.jpg", status=1).stderr)

    def test_embeddings(self):
        lines = run("embeddings.py", PANELS[0], PANELS[1], PANELS[0]).stdout.splitlines()
        self.assertEqual([line.split("  ")[1] for line in lines], [PANELS[0], PANELS[1]])
        self.assertEqual(lines[0].split("  ")[0], "+1.000")


support.run()
