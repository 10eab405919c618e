"""Asks a model about a picture: ask.py PICTURE QUESTION [MODEL]. Without MODEL the one inside the library answers."""

import sys

import mica

if len(sys.argv) not in (3, 4):
    sys.exit(__doc__)
picture, question, *model = sys.argv[1:]
try:
    answer = mica.Session(*model).ask(question, picture)
except mica.Error as error:
    sys.exit(f"{error.status.name}: {error}")
print(answer)
