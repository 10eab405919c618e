"""A conversation about a picture, a question a line: chat.py PICTURE [MODEL] < QUESTIONS.

The messages are those of OpenAI's client, which could send them to `mica serve` as well. Each time the whole
conversation is given; what the session holds of it is not computed again.
"""

import base64
import mimetypes
import sys

import mica

if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
path, *model = sys.argv[1:]
with open(path, "rb") as file:
    data = base64.b64encode(file.read()).decode()
url = f"data:{mimetypes.guess_type(path)[0]};base64,{data}"
session = mica.Session(*model)
messages = [{"role": "system", "content": "Answer briefly."}]
for line in sys.stdin:
    content = [{"type": "text", "text": line.strip()}]
    if len(messages) == 1:
        content.insert(0, {"type": "image_url", "image_url": {"url": url}})
    messages.append({"role": "user", "content": content})
    answer = session.chat(messages)
    messages.append({"role": "assistant", "content": answer.text})
    print(answer, flush=True)
