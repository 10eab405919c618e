"""Asks one question about many pictures, eight at once: batch.py QUESTION PICTURE...

Their answers come as they are ready. Each is what the picture would get alone; a picture that cannot be read stops no
other.
"""

import sys

import mica

if len(sys.argv) < 3:
    sys.exit(__doc__)
question, *paths = sys.argv[1:]
batch = mica.Batch(size=8, context=512)
questions = ([{"role": "user", "content": [{"type": "image", "image": path}, question]}] for path in paths)
failed = 0
for index, answer in batch.chats(questions):
    if isinstance(answer, mica.Error):
        failed += 1
        print(f"{paths[index]}: {answer.status.name}: {answer}", file=sys.stderr)
    else:
        print(f"{paths[index]}: {answer}", flush=True)
sys.exit(failed != 0)
