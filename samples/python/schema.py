"""An answer that a program can use: schema.py PICTURE QUESTION SCHEMA [MODEL].

    schema.py panel.jpg "Read the display." '{"type": "number"}'

SCHEMA is a JSON schema; the answer keeps it, whatever the model is. With pydantic, `schema=CLASS` and
`CLASS.model_validate_json(answer.text)`.
"""

import sys

import mica

if len(sys.argv) not in (4, 5):
    sys.exit(__doc__)
picture, question, schema, *model = sys.argv[1:]
answer = mica.Session(*model).ask(question, picture, schema=schema, max_tokens=256)
if answer.stop != "end":
    sys.exit(f"the answer is not whole ({answer.stop}): {answer}")
value = answer.json()
print(type(value).__name__, value)
