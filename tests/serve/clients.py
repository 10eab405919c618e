#!/usr/bin/env python3
"""Real clients against a server that runs: clients.py http://127.0.0.1:8080 PICTURE QUESTION ANSWER

Needs `pip install openai langchain-openai litellm ollama`. Each client asks about the picture, whole and as a stream, and
must get ANSWER; then come the requests that other programs send. Not run by meson test, which has no network."""
import base64
import json
import sys
import urllib.request

url, picture, question, answer = sys.argv[1:5]
encoded = base64.b64encode(open(picture, 'rb').read()).decode()
data_url = 'data:image/jpeg;base64,' + encoded
messages = [{'role': 'user', 'content': [{'type': 'image_url', 'image_url': {'url': data_url, 'detail': 'low'}},
                                         {'type': 'text', 'text': question}]}]
failures = 0


def check(name, got, wanted=answer):
    global failures
    good = got == wanted
    failures += not good
    print(f'{"ok  " if good else "FAIL"} {name}: {got!r}')


def request(path, body=None, method=None):
    sent = urllib.request.Request(url + path, None if body is None else json.dumps(body).encode(),
                                  {'Content-Type': 'application/json'}, method=method)
    with urllib.request.urlopen(sent, timeout=60) as got:
        return got.read().decode()


def with_openai():
    import openai
    client = openai.OpenAI(base_url=url + '/v1', api_key='any', max_retries=0)
    model = client.models.list().data[0].id
    whole = client.chat.completions.create(model=model, messages=messages, temperature=0, max_completion_tokens=30)
    check('openai, whole', whole.choices[0].message.content)
    check('openai, reason', whole.choices[0].finish_reason, 'stop')
    text, usage = '', None
    for chunk in client.chat.completions.create(model=model, messages=messages, temperature=0, stream=True,
                                                stream_options={'include_usage': True}):
        text += chunk.choices[0].delta.content or '' if chunk.choices else ''
        usage = chunk.usage or usage
    check('openai, stream', text)
    check('openai, usage', usage.completion_tokens > 0 and usage.prompt_tokens > 0, True)
    chances = client.chat.completions.create(model=model, messages=messages, temperature=0, logprobs=True,
                                             top_logprobs=3).choices[0].logprobs.content
    check('openai, logprobs', all(len(c.top_logprobs) == 3 for c in chances), True)
    try:
        client.chat.completions.create(model=model, messages=messages, n=3)
        check('openai, refused', 'answered', 'refused')
    except openai.BadRequestError as refused:
        check('openai, refused', refused.param, 'n')
    done = client.completions.create(model=model, prompt='x', max_tokens=3, temperature=0)
    check('openai, completion', isinstance(done.choices[0].text, str), True)


def with_langchain():
    from langchain_openai import ChatOpenAI
    chat = ChatOpenAI(base_url=url + '/v1', api_key='any', model='mica', temperature=0)
    check('langchain, whole', chat.invoke(messages).content)
    check('langchain, stream', ''.join(chunk.content for chunk in chat.stream(messages)))


def with_litellm():
    import litellm
    litellm.suppress_debug_info = True
    for name, base in (('openai/mica', url + '/v1'), ('ollama_chat/mica', url)):
        asked = dict(model=name, messages=messages, api_base=base, api_key='any', temperature=0)
        check(f'litellm {name}, whole', litellm.completion(**asked).choices[0].message.content)
        check(f'litellm {name}, stream',
              ''.join(c.choices[0].delta.content or '' for c in litellm.completion(stream=True, **asked)))


def with_ollama():
    import ollama
    client = ollama.Client(host=url)
    model = client.list().models[0].model
    check('ollama, vision', 'vision' in client.show(model).capabilities, True)
    asked = dict(model=model, messages=[{'role': 'user', 'content': question, 'images': [encoded]}],
                 options={'temperature': 0, 'num_ctx': 4096}, keep_alive='5m')
    check('ollama, chat', client.chat(**asked).message.content)
    check('ollama, chat, stream', ''.join(part.message.content for part in client.chat(stream=True, **asked)))
    asked = dict(model=model, prompt=question, images=[encoded], options={'temperature': 0})
    check('ollama, generate', client.generate(**asked).response)
    check('ollama, generate, stream', ''.join(part.response for part in client.generate(stream=True, **asked)))
    check('ollama, ps', client.ps().models[0].model, model)


def other_programs():
    # Home Assistant, llama_cpp: a server is accepted by a tool without arguments and three tokens, whole and streamed.
    tool = {'type': 'function', 'function': {'name': 'probe', 'parameters': {'type': 'object', 'properties': {}}}}
    probe = {'model': 'mica', 'messages': [{'role': 'user', 'content': 'Hi'}], 'tools': [tool], 'max_tokens': 3}
    whole = json.loads(request('/v1/chat/completions', probe))
    check('home assistant, probe', whole['choices'][0]['message']['role'], 'assistant')
    stream = request('/v1/chat/completions', {**probe, 'stream': True})
    check('home assistant, streamed probe', stream.endswith('data: [DONE]\n\n'), True)
    # Frigate, llamacpp: what the model is, and what a picture takes.
    model = json.loads(request('/v1/models'))['data'][0]
    check('frigate, modalities', 'image' in model['architecture']['input_modalities'], True)
    check('frigate, context', model['meta']['n_ctx'] == model['max_model_len'], True)
    props = json.loads(request('/props?model=' + model['id']))
    check('frigate, vision', props['modalities']['vision'], True)
    one = json.loads(request('/v1/chat/completions', {'messages': messages, 'max_tokens': 1}))
    counted = json.loads(request('/v1/chat/completions/input_tokens', {'messages': messages}))
    check('frigate, picture tokens', counted['input_tokens'], one['usage']['prompt_tokens'])
    # LLM Vision: text and pictures take turns; Ollama's form has more fields than it needs.
    parts = [{'type': 'text', 'text': 'Image 1:'}, *messages[0]['content']]
    mixed = {'model': 'mica', 'messages': [{'role': 'user', 'content': parts}], 'max_completion_tokens': 20,
             'temperature': 0, 'top_p': 0.9}
    check('llm vision', 'choices' in json.loads(request('/v1/chat/completions', mixed)), True)
    check('llm vision, ollama', json.loads(request('/api/chat', {
        'model': 'mica', 'messages': [{'role': 'user', 'content': question, 'images': [encoded]}], 'stream': False,
        'prompt': question, 'images': [encoded], 'system': '', 'options': {'temperature': 0}}))['message']['content'])
    # Open WebUI: both of its ways.
    check('open webui, version', 'version' in json.loads(request('/api/version')), True)
    check('open webui, tags', json.loads(request('/api/tags'))['models'][0]['model'], model['id'])
    check('ollama, root', request('/'), 'Ollama is running')


for part in (with_openai, with_langchain, with_litellm, with_ollama, other_programs):
    try:
        part()
    except Exception as fault:  # the next client may still work
        check(part.__name__, f'{type(fault).__name__}: {str(fault)[:300]}', 'no fault')
sys.exit(failures != 0)
