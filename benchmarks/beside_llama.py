"""The table of beside_llama.sh, which says what it shows: beside_llama.py MICA LLAMA [FILE.gguf...]."""
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPE = "qwen2-vl-2b"
environment = os.environ.get
PAIRS = int(environment("PAIRS", "5"))
THREADS = environment("THREADS", "1 2").split()
SHAPE_FOLDER = environment("SHAPE_FOLDER", "/tmp/beside_llama")
ISA = ["--isa", environment("ISA")] if environment("ISA") else []

FILE_WORKS = f"prompt={environment('PROMPT', '512')} answer={environment('ANSWER', '32')}".split()
SHAPE_WORKS = FILE_WORKS + [f"picture={side}" for side in environment("PICTURES", "448 896").split()]
SHAPE_WORKS += [f"behind={tokens}" for tokens in environment("BEHIND", "4096 16384").split()]
BEHIND_ANSWER = "16"  # as llama_speed.py has it


def printed(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: ended with {done.returncode}")
    return json.loads(done.stdout)


def mica(program, model, threads, work):
    """What one run of mica found, as llama_speed.py prints it."""
    name, number = work.split("=")
    tests = {
        "prompt": ["-p", number, "-n", "0"],
        "answer": ["-p", "0", "-n", number],
        "behind": ["-p", "0", "-n", BEHIND_ANSWER, "--depth-visual", number],
        "picture": ["-p", "0", "-n", "0", "--picture-size", f"{number}x{number}"],
    }[name]
    if name != "picture":
        tests += ["--picture-size", "0"]
    rows = printed([program, "bench", *model, *ISA, "-t", threads, "-r", "1", "-o", "json", *tests])
    return {work: rows[-1]["avg_ts"], "memory": rows[-1]["memory_peak_bytes"]}


def mica_start(program, model, threads):
    start = time.perf_counter()
    printed([program, "bench", *model, *ISA, "-t", threads, "-p", "1", "-n", "0", "-r", "1", "--no-warmup",
             "--picture-size", "0", "-o", "json"])
    return time.perf_counter() - start


def llama(program, path, tower, threads, work):
    if "llama-bench" not in os.path.basename(program):
        return printed([program, os.path.join(HERE, "llama_speed.py"), path, tower, threads, work])
    name, number = work.split("=")
    counts = {"prompt": ["-p", number, "-n", "0"], "answer": ["-p", "0", "-n", number]}[name]
    rows = printed([program, "-m", path, "-r", "1", "-t", threads, "-ngl", "0", "-o", "json", *counts])
    return {work: rows[0]["avg_ts"]}


def say(title, threads, work, pairs, better_is_less=False):
    """A line of the table. The ratio is above one where mica is better."""
    ratios = sorted((theirs / ours if better_is_less else ours / theirs) for ours, theirs in pairs)
    ours, theirs = (statistics.median(column) for column in zip(*pairs))
    print(f"| {title} | {threads} | {work} | {ours:.4g} | {theirs:.4g} | **{statistics.median(ratios):.2f}** | "
          f"{ratios[0]:.2f} to {ratios[-1]:.2f} |", flush=True)


def compare(programs, title, model, path, tower, works):
    ours, theirs = programs
    for threads in THREADS:
        for work in works:
            pairs = [(mica(ours, model, threads, work), llama(theirs, path, tower, threads, work))
                     for _ in range(PAIRS)]
            say(title, threads, work.replace("=", " ") + ", tokens/s", [(a[work], b[work]) for a, b in pairs])
            if threads == THREADS[-1] and work.split("=")[0] != "answer" and all("memory" in b for _, b in pairs):
                say(title, threads, f"memory of {work.replace('=', ' ')}, MB",
                    [(a["memory"] / 1e6, b["memory"] / 1e6) for a, b in pairs], better_is_less=True)


def compare_starts(programs, path):
    """From the program's start, or from that of the library, to the first token."""
    ours, theirs = programs
    threads = THREADS[-1]
    if "llama-bench" in os.path.basename(theirs):
        return
    pairs = [(mica_start(ours, ["-m", path], threads), llama(theirs, path, "-", threads, "answer=1")["start"])
             for _ in range(PAIRS)]
    say(os.path.basename(path), threads, "start to the first token, s", pairs, better_is_less=True)


def main():
    programs, files = sys.argv[1:3], sys.argv[3:]
    print("| model | threads | work | mica | llama.cpp | times better | of the pairs |\n|---|--:|---|--:|--:|--:|--:|")
    for path in files:
        compare(programs, os.path.basename(path), ["-m", path], path, "-", FILE_WORKS)
        compare_starts(programs, path)
    if not files:
        subprocess.run([programs[1], os.path.join(HERE, "llama_shape.py"), SHAPE_FOLDER], check=True)
        paths = [os.path.join(SHAPE_FOLDER, name) for name in ("text.gguf", "tower.gguf")]
        compare(programs, "Qwen2-VL-2B", ["--arch", SHAPE, "--weights", "w4a8"], *paths, SHAPE_WORKS)


main()
