"""Labeling pictures on two workers of a local Ray: one is killed in the middle, then the program itself, and what was
written is torn. Each picture is there once, with the answer that it gets alone. Skipped where Ray is not installed.
"""

import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import support
from support import DISPLAY, SKIPPED, asking

import mica

if importlib.util.find_spec("ray") is None:
    print("Ray is not installed")
    sys.exit(SKIPPED)

PROGRAM = support.SAMPLES / "python" / "label_pictures_ray.py"
PICTURES, CHUNK = 600, 4
PATIENCE = 240  # seconds
STARTS = 5
# What stands for a picture that takes more memory than a machine has.
ENDS_WORKERS = """
import os, signal
import mica
read = mica.Picture.__init__
def read_or_end(self, source):
    if isinstance(source, str) and source.endswith("{poison}"):
        os.kill(os.getpid(), signal.SIGKILL)
    read(self, source)
mica.Picture.__init__ = read_or_end
"""


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


class Labeling(unittest.TestCase):
    def setUp(self):
        self.environment = {}
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.pictures = self.folder / "pictures"
        sources = sorted((support.DATA / "panel").glob("*.jpg"))
        session = mica.Session(context=512)
        known = {source: session.chat(asking(DISPLAY, source)).text for source in sources}
        self.expected = {}
        for number in range(PICTURES):
            name = f"{number % 7}/{number:04}.jpg"
            (self.pictures / name).parent.mkdir(parents=True, exist_ok=True)
            if number % 50 == 49:
                (self.pictures / name).write_bytes(b"no picture")
                self.expected[name] = None
            else:
                source = sources[number % len(sources)]
                shutil.copy(source, self.pictures / name)
                self.expected[name] = known[source]

    def start(self, output, *options):
        """Until its workers are there, or it has ended. Ray itself waits half a minute for its own processes, which is
        not enough on a machine that has much else to do: then once more."""
        command = [sys.executable, PROGRAM, self.pictures, output, "--question", DISPLAY, "--context", "512", "--chunk",
                   str(CHUNK), "--batch", "2", "--workers", "2", *options]
        for _ in range(STARTS):
            with open(self.folder / "said", "w") as said:
                process = subprocess.Popen(command, stderr=said, env={**os.environ, **self.environment})
            end = time.monotonic() + PATIENCE
            while process.poll() is None and self.workers() is None and time.monotonic() < end:
                time.sleep(0.005)
            if process.poll() is None or "timed out during startup" not in (self.folder / "said").read_text():
                break
        return process

    def wait_for(self, happens, process):
        end = time.monotonic() + PATIENCE
        while not (value := happens()):
            self.assertIsNone(process.poll(), (self.folder / "said").read_text())
            self.assertLess(time.monotonic(), end, (self.folder / "said").read_text())
            time.sleep(0.005)
        return value

    def workers(self):
        found = re.findall(r"a worker on \S+: process (\d+)", (self.folder / "said").read_text())
        return [int(process) for process in found] if len(found) == 2 else None

    def check(self, rows):
        names = [row["picture"] for row in rows]
        self.assertEqual(len(names), len(set(names)), "doubled")
        self.assertEqual(set(names), set(self.expected), "lost")
        for row in rows:
            self.assertEqual(row.get("answer"), self.expected[row["picture"]], row)
            self.assertEqual(row.get("error") is None, row.get("answer") is not None, row)

    def test_json_lines_with_a_worker_and_then_the_program_killed(self):
        output = self.folder / "labels.jsonl"
        process = self.start(output)
        workers = self.wait_for(self.workers, process)
        self.wait_for(lambda: len(lines_of(output)) >= PICTURES // 6, process)
        os.kill(workers[0], signal.SIGKILL)
        self.wait_for(lambda: "a worker died" in (self.folder / "said").read_text(), process)
        at_death = len(lines_of(output))
        self.wait_for(lambda: len(lines_of(output)) >= PICTURES // 2, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed = len(lines_of(output))
        self.assertLess(killed, PICTURES)
        with open(output, "a") as file:
            file.write('{"picture": "torn')
        self.assertEqual(self.start(output).wait(PATIENCE), 1)  # some are no pictures
        self.check([json.loads(line) for line in lines_of(output)])
        print(f"{PICTURES} pictures: a worker was killed at {at_death}, the program at {killed}; 0 lost, 0 doubled")
        self.assertEqual(self.start(output).wait(PATIENCE), 0)  # nothing is left
        self.assertEqual(len(lines_of(output)), PICTURES)

    def test_a_picture_that_ends_workers(self):
        poison = sorted(self.expected)[PICTURES // 3]
        (self.folder / "sitecustomize.py").write_text(ENDS_WORKERS.format(poison=poison))
        self.environment = {"PYTHONPATH": f"{self.folder}{os.pathsep}{os.environ['PYTHONPATH']}"}
        output = self.folder / "labels.jsonl"
        self.assertEqual(self.start(output).wait(PATIENCE), 1)
        self.expected[poison] = None
        rows = [json.loads(line) for line in lines_of(output)]
        self.check(rows)
        self.assertEqual([row["picture"] for row in rows if "a worker died" in row.get("error", "")], [poison])

    def test_a_model_that_is_not_there(self):
        output = self.folder / "labels.jsonl"
        status = self.start(output, "--model", "missing.mica").wait(PATIENCE)
        said = (self.folder / "said").read_text()
        self.assertEqual(status, 2, said)
        self.assertIn("missing.mica", said)
        self.assertEqual(lines_of(output), [])

    def test_parquet(self):
        try:
            import pyarrow.parquet
        except ImportError:
            self.skipTest("pyarrow is not installed")
        output = self.folder / "labels.parquet"
        process = self.start(output, "--send")
        os.kill(self.wait_for(self.workers, process)[1], signal.SIGKILL)
        self.assertEqual(process.wait(PATIENCE), 1)
        rows = pyarrow.parquet.read_table(output).to_pylist()
        self.check(rows)


support.run()
