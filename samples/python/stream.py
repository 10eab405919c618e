"""Shows an answer while it is written, and how sure the model was: stream.py PICTURE QUESTION [MODEL]."""

import math
import sys

import mica

if len(sys.argv) not in (3, 4):
    sys.exit(__doc__)
picture, question, *model = sys.argv[1:]
session = mica.Session(*model)
stream = session.stream([{"role": "user", "content": [mica.Picture(picture), question]}], log_probabilities=True)
for piece in stream:
    print(piece, end="", flush=True)
answer = stream.answer
print(f"\n{len(answer.tokens)} tokens, {math.exp(sum(answer.log_probabilities)):.0%} likely, over: {answer.stop}")
