"""Labels the pictures of a folder on all machines of a Ray cluster: label_pictures_ray.py FOLDER OUTPUT [OPTIONS]

    label_pictures_ray.py photos labels.jsonl --model qwen.mica --question "What is this?"
    label_pictures_ray.py photos labels.parquet --address auto --schema '{"enum": ["cat", "dog", "other"]}'

A worker a machine opens the model, whose packed file is mapped once there, and asks about several pictures at once.
OUTPUT is JSON lines, a picture a line, or, where its name ends in .parquet, a folder of Parquet files: {"picture",
"answer", "probability", "stop"}, or {"picture", "error"} for one that cannot be read.

Nothing is lost and nothing is there twice. Only this program writes, what it was given back whole. Pictures of a worker
that died are asked about again, by it when Ray has started it anew, or by others. When this program itself was stopped
or killed, the same command goes on where it was.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import sys
import time

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
ATTEMPTS = 3  # of pictures in whose middle a worker dies


class JsonLines:
    """A file of lines. One that was cut off by a crash is taken away, and its picture is asked about again."""

    def __init__(self, path):
        self.done = set()
        whole = 0
        if os.path.exists(path):
            with open(path, "rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    whole += len(line)
                    self.done.add(json.loads(line)["picture"])
            os.truncate(path, whole)
        self.file = open(path, "a", encoding="utf-8")

    def write(self, rows):
        self.file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        self.file.flush()
        os.fsync(self.file.fileno())


class Parquet:
    """A folder of files, each written whole under another name and then renamed."""

    FIELDS = (("picture", "string"), ("answer", "string"), ("probability", "float64"), ("stop", "string"),
              ("error", "string"))
    ROWS = 1024  # of a file; what waits for more is lost with this program, and asked about again

    def __init__(self, path):
        import pyarrow
        import pyarrow.parquet

        self.arrow, self.parquet = pyarrow, pyarrow.parquet
        self.schema = pyarrow.schema(list(self.FIELDS))
        self.folder = pathlib.Path(path)
        self.folder.mkdir(parents=True, exist_ok=True)
        parts = sorted(self.folder.glob("*.parquet"))
        self.number = 1 + max((int(part.stem) for part in parts), default=-1)
        self.done = {row for part in parts for row in self.parquet.read_table(part)["picture"].to_pylist()}
        self.waiting = []

    def write(self, rows):
        self.waiting += rows
        if len(self.waiting) >= self.ROWS:
            self.close()

    def close(self):
        if not self.waiting:
            return
        table = self.arrow.Table.from_pylist(self.waiting, self.schema)
        unfinished = self.folder / "unfinished"
        self.parquet.write_table(table, unfinished)
        unfinished.rename(self.folder / f"{self.number:08}.parquet")
        self.number += 1
        self.waiting = []


def open_output(path):
    return Parquet(path) if path.endswith(".parquet") else JsonLines(path)


@ray.remote(max_restarts=-1)
class Worker:
    """The model on one machine."""

    def __init__(self, options):
        import mica

        self.mica = mica
        self.options = options
        self.batch = mica.Batch(options.model, options.batch, context=options.context)

    def process(self):
        return os.uname().nodename, os.getpid()

    def label(self, names, pictures):
        """Rows, in any order. A picture is its bytes, or None where it is to be read here."""
        questions = (self.question(name, picture) for name, picture in zip(names, pictures))
        answers = self.batch.chats(
            questions, schema=self.options.schema, max_tokens=self.options.max_tokens, log_probabilities=True
        )
        return [self.row(names[index], answer) for index, answer in answers]

    def question(self, name, picture):
        image = os.path.join(self.options.folder, name) if picture is None else picture
        return [{"role": "user", "content": [{"type": "image", "image": image}, self.options.question]}]

    def row(self, name, answer):
        if isinstance(answer, self.mica.Error):
            return {"picture": name, "error": f"{answer.status.name}: {answer}"}
        probability = math.exp(sum(answer.log_probabilities))
        return {"picture": name, "answer": answer.text, "probability": round(probability, 6), "stop": answer.stop}


class Work:
    """Pictures that a worker is given, the `attempt`-th time; and what it was given before, which it does first."""

    def __init__(self, names, attempt=1):
        self.names, self.attempt = names, attempt
        self.worker = self.before = None
        self.is_done = False

    def was_begun(self):
        return self.before is None or self.before.is_done


class Labeling:
    """What is left to do, who does it, and what becomes of it."""

    def __init__(self, options, output, names):
        self.options, self.output = options, output
        self.total, self.written, self.failed = len(names), 0, 0
        self.waiting = collections.deque(
            Work(names[first : first + options.chunk]) for first in range(0, len(names), options.chunk)
        )
        self.running = {}  # by their calls
        self.began = self.said = time.monotonic()

    def give(self, worker):
        """Two pieces of work at a time, so that a worker never waits for this program."""
        work = self.waiting.popleft()
        work.worker = worker
        work.before = next((other for other in self.running.values() if other.worker is worker), None)
        pictures = [self.read(name) if self.options.send else None for name in work.names]
        self.running[worker.label.remote(work.names, pictures)] = work

    def read(self, name):
        with open(os.path.join(self.options.folder, name), "rb") as file:
            return file.read()

    def run(self, workers):
        for worker in workers * 2:
            if self.waiting:
                self.give(worker)
        while self.running:
            for call in ray.wait(list(self.running), num_returns=1)[0]:
                work = self.running.pop(call)
                try:
                    self.write(ray.get(call))
                    work.is_done = True
                except ray.exceptions.RayActorError as error:
                    self.try_again(work, error)
                work.before = None
                if self.waiting:
                    self.give(work.worker)
        self.say(last=True)

    def write(self, rows):
        self.output.write(rows)
        self.written += len(rows)
        self.failed += sum("error" in row for row in rows)
        if time.monotonic() - self.said > 1:
            self.say()

    def try_again(self, work, error):
        """Pictures in whose middle a worker died each by itself, so that one that ends workers is found, and named."""
        print(f"a worker died with {len(work.names)} pictures: {str(error).splitlines()[0]}", file=sys.stderr)
        if not work.was_begun():
            self.waiting.append(Work(work.names, work.attempt))
        elif work.attempt < ATTEMPTS:
            self.waiting.extend(Work([name], work.attempt + 1) for name in work.names)
        else:
            self.write([{"picture": name, "error": f"a worker died {work.attempt} times"} for name in work.names])

    def say(self, last=False):
        self.said = time.monotonic()
        speed = self.written / max(self.said - self.began, 1e-9)
        left = f"{(self.total - self.written) / max(speed, 1e-9):.0f} s left" if not last else "done"
        print(f"{self.written}/{self.total} pictures, {self.failed} failed, {speed:.1f}/s, {left}",
              file=sys.stderr, flush=True)


def start_workers(options):
    """One on each machine, with all that it has; elsewhere, if it is lost."""
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) > 0]
    workers = []
    for node in nodes:
        for _ in range(options.workers):
            strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
            share = node["Resources"]["CPU"] / options.workers
            workers.append(Worker.options(num_cpus=int(share) or share, scheduling_strategy=strategy).remote(options))
    for machine, process in ray.get([worker.process.remote() for worker in workers]):
        print(f"a worker on {machine}: process {process}", file=sys.stderr, flush=True)
    return workers


def names_of(folder):
    files = (path for path in pathlib.Path(folder).rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    return sorted(str(path.relative_to(folder)) for path in files)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="pictures, also in folders in it; all machines see it at this path, or --send")
    parser.add_argument("output", help="NAME.jsonl or NAME.parquet")
    parser.add_argument("--model", help="a packed file, a GGUF file or a folder; without it the one inside mica")
    parser.add_argument("--question", default="What is this?")
    parser.add_argument("--schema", help="the answer keeps this JSON schema")
    parser.add_argument("--max-tokens", type=int, default=128, help="of an answer (128)")
    parser.add_argument("--context", type=int, default=2048, help="tokens of a picture, its question and answer (2048)")
    parser.add_argument("--batch", type=int, default=8, help="pictures that a worker asks about at once (8)")
    parser.add_argument("--chunk", type=int, default=32, help="pictures that a worker is given at once (32)")
    parser.add_argument("--workers", type=int, default=1, help="on each machine (1)")
    parser.add_argument("--send", action="store_true", help="pictures are read here and sent")
    parser.add_argument("--address", help="of the cluster (auto: the one here); without it Ray is started here")
    options = parser.parse_args()
    options.folder = os.path.abspath(options.folder)
    if options.model is not None:
        options.model = os.path.abspath(options.model)
    return options


def main():
    options = read_arguments()
    output = open_output(options.output)
    names = [name for name in names_of(options.folder) if name not in output.done]
    print(f"{len(output.done)} pictures are done, {len(names)} are left", file=sys.stderr)
    if not names:
        return 0
    ray.init(address=options.address, include_dashboard=False, log_to_driver=False)
    labeling = Labeling(options, output, names)
    try:
        labeling.run(start_workers(options))
    except ray.exceptions.RayError as error:  # the model cannot be opened, ...
        print(error, file=sys.stderr)
        return 2
    finally:
        getattr(output, "close", lambda: None)()
    return int(labeling.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
