#!/usr/bin/env python3
"""The two texts of docs/quantizing.md: low_bits_texts.py FOLDER writes calibration.txt and test.txt there.

English from documentation packages of Debian 12, which apt-get downloads into the folder; nothing is installed. Both
texts have prose of the same kinds, none of it the same. Not the measurements: low_bits_table.sh.
"""
import glob
import gzip
import html
import pathlib
import random
import re
import subprocess
import sys

PACKAGES = ["debian-handbook", "debian-policy", "debian-reference-en", "debian-reference-common",
            "developers-reference", "python3.11-doc", "fortunes", "fortunes-min"]
PIECE = 8000  # characters
SIZES = {"calibration": 420_000, "test": 160_000}


def prose(page):
    """The paragraphs of an HTML page, without headings, lists of links and code."""
    page = re.sub(r"(?is)<(script|style|head|nav|pre)\b.*?</\1>", " ", page)
    page = re.sub(r"(?i)<(p|div|li|h\d|br|tr|dd|dt)[^>]*>", "\n", page)
    page = re.sub(r"[ \t]+", " ", html.unescape(re.sub(r"<[^>]+>", "", page)))
    return "\n".join(line for line in (line.strip() for line in page.split("\n")) if len(line) > 60)


def read(path):
    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    return data.decode("utf8", "ignore")


def sources(share):
    """Of each text, the kinds of prose that take turns in it."""
    def pages(*patterns):
        found = [sorted(glob.glob(str(share / pattern), recursive=True)) for pattern in patterns]  # through links too
        return [prose(read(path)) for path in map(pathlib.Path, sum(found, [])) if path.is_file()]
    sayings = [path for path in sorted(share.glob("games/fortunes/*")) if path.is_file() and "." not in path.name]
    fortunes = [read(path).replace("\n%\n", "\n\n") for path in sayings]
    python = "doc/python3.11/html/"
    return {
        "test": [pages("doc/debian-handbook/html/en-US/*.html"), fortunes[1::2],
                 pages(python + "tutorial/*.html", python + "faq/*.html")],
        "calibration": [pages("debian-reference/*.html", "doc/debian-reference-common/**/*.en.html"),
                        pages("developers-reference/*.html", "doc/developers-reference/**/*.html"), fortunes[0::2],
                        pages("doc/debian-policy/policy.html/*.html"),
                        pages(python + "howto/*.html", python + "library/a*.html")],
    }


def mixed(kinds, size, chance):
    """Pieces of all kinds by turns until there are `size` characters."""
    stacks = []
    for texts in kinds:
        text = "\n\n".join(texts)
        pieces = [text[i:i + PIECE] for i in range(0, len(text) - PIECE, PIECE)]
        chance.shuffle(pieces)
        stacks.append(pieces)
    out = []
    while len(out) * PIECE < size and any(stacks):
        out += [stack.pop() for stack in stacks if stack]
    return "\n\n".join(out[:-(-size // PIECE)])


def main():
    folder = pathlib.Path(sys.argv[1])
    unpacked = folder / "unpacked"
    unpacked.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=folder, check=True)
    for package in sorted(folder.glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
    chance = random.Random(1)
    for name, kinds in sources(unpacked / "usr/share").items():
        (folder / f"{name}.txt").write_text(mixed(kinds, SIZES[name], chance))


if __name__ == "__main__":
    main()
