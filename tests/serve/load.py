#!/usr/bin/env python3
"""`mica serve` under load: load.py MICA PANEL [--clients 32] [--hostile 0] [--seconds 60] [--log FILE] [-- SERVE'S OPTIONS]

Starts `MICA serve` at a free port. PANEL: tests/data/panel, whose questions and pictures are asked, among schemas, long
answers and sampled ones. Every request is asked alone first; then by clients together, beside whom others are slow, broken,
oversized, or disappear. Every answer must be the one it got alone. --log has a line a minute of the server's memory,
descriptors and threads. Needs Python alone. Not run by meson test: it measures minutes."""
import argparse
import asyncio
import base64
import itertools
import json
import multiprocessing
import os
import random
import re
import resource
import signal
import statistics
import subprocess
import sys
import time

TRIES = 600  # of a request that is told to come again
FAILED = ('no answer', 'broken off')  # how what is told in an answer's place begins
GONE = (ConnectionError, asyncio.IncompleteReadError, asyncio.TimeoutError, OSError)


# ---- the server and what it takes ------------------------------------------------------------------------------------

class Server:
    def __init__(self, mica, more):
        line = [mica, 'serve', '--port', '0', '--temp', '0', '-q', *more]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline()
        found = re.search(r'http://127\.0\.0\.1:(\d+)', said)
        if not found:
            sys.exit(f'no server: {said!r}')
        print(said.strip())
        self.port = int(found[1])

    def taken(self):
        """Resident bytes, descriptors, threads."""
        folder = f'/proc/{self.process.pid}'
        if self.process.poll() is not None:
            sys.exit(f'the server ended by itself, with {self.process.returncode}')
        status = open(folder + '/status').read()
        field = lambda name: int(re.search(rf'^{name}:\s+(\d+)', status, re.M)[1])
        return field('VmRSS') * 1024, len(os.listdir(folder + '/fd')), field('Threads')

    def processor_seconds(self):
        fields = open(f'/proc/{self.process.pid}/stat').read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def end(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=120)


# ---- requests --------------------------------------------------------------------------------------------------------

def requests_of(panel, count):
    """Questions as chat requests, of which each third has another form."""
    rows = [json.loads(line) for line in open(os.path.join(panel, 'questions.jsonl'))]
    step = max(1, len(rows) // count)
    forms = ({}, {'ignore_eos': True, 'max_tokens': 60}, {'temperature': 1.5, 'seed': 7, 'max_tokens': 40},
             {'response_format': {'type': 'json_schema', 'json_schema': {'name': 'n', 'schema': {
                 'type': 'object', 'properties': {'unit': {'type': 'string', 'maxLength': 12},
                                                  'value': {'type': 'integer', 'minimum': 0, 'maximum': 99}},
                 'required': ['unit', 'value'], 'additionalProperties': False}}}, 'max_tokens': 60})
    for index, row in enumerate(rows[::step][:count]):
        url = 'data:image/jpeg;base64,' + base64.b64encode(open(os.path.join(panel, row['image']), 'rb').read()).decode()
        parts = [{'type': 'image_url', 'image_url': {'url': url}}] * (index % 7 != 6)
        parts.append({'type': 'text', 'text': row['question']})
        yield {'messages': [{'role': 'user', 'content': parts}], 'stream': index % 2 == 1, **forms[index % len(forms)]}


def head_of(body, path='/v1/chat/completions', length=None):
    return (f'POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n'
            f'Content-Length: {len(body) if length is None else length}\r\n\r\n').encode()


async def exchange(port, sent, seconds=900):
    """All that comes back on a connection of its own."""
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    try:
        writer.write(sent)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), seconds)
    finally:
        writer.close()


def text_of(got):
    """The answer's text; None where the server is full, or has cut off who sends for longest; else what came."""
    if not got:
        return None
    head, _, body = got.partition(b'\r\n\r\n')
    status = int(head.split()[1]) if head.startswith(b'HTTP/1.1 ') else 0
    if status in (429, 503):
        return None
    if status != 200:
        return f'{FAILED[0]}: {got[:300]!r}'
    if b'text/event-stream' not in head:
        return json.loads(body)['choices'][0]['message']['content']
    if b'data: [DONE]' not in body:
        return f'{FAILED[1]}: {got[-300:]!r}'
    text = ''
    for event in re.findall(rb'^data: (\{.*\})', body, re.M):
        for choice in json.loads(event)['choices']:
            text += choice['delta'].get('content') or ''
    return text


async def ask(port, body):
    """The answer's text and how often the server was full; throws where it was to the end."""
    sent = json.dumps(body).encode()
    sent = head_of(sent) + sent
    for refused in range(TRIES):
        try:
            text = text_of(await exchange(port, sent))
        except ConnectionError:
            text = None
        if text is not None:
            return text, refused
        await asyncio.sleep(0.05)
    raise ConnectionError('the server stayed full')


# ---- clients ---------------------------------------------------------------------------------------------------------

class Good:
    """Asks what was asked before, and counts what it gets."""

    def __init__(self, port, bodies, alone, until, pause):
        self.port, self.bodies, self.alone, self.until, self.pause = port, bodies, alone, until, pause
        self.right, self.wrong, self.refused, self.seconds = 0, [], 0, []

    async def run(self, seed):
        order = random.Random(seed)
        while time.monotonic() < self.until:
            index = order.randrange(len(self.bodies))
            start = time.monotonic()
            try:
                text, refused = await ask(self.port, self.bodies[index])
            except GONE as fault:
                text, refused = f'{type(fault).__name__}: {fault}', 0
            self.seconds.append(time.monotonic() - start)
            self.refused += refused
            if text == self.alone[index]:
                self.right += 1
            else:
                self.wrong.append((index, self.alone[index], text))
            await asyncio.sleep(self.pause)


async def slow_head(port, reader, writer, body):
    for byte in b'POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ' + b'a' * 600:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.5)


async def slow_body(port, reader, writer, body):
    writer.write(head_of(body))
    for byte in body[:1000]:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.5)


async def silent(port, reader, writer, body):
    await reader.read()


async def broken(port, reader, writer, body):
    writer.write(random.choice((random.randbytes(200), b'GET / HTTP/9.9\r\n\r\n', b'POST /v1/chat/completions\r\n\r\n' * 9,
                                head_of(b'{"messages": [') + b'{"messages": [', head_of(b'[' * 90000) + b'[' * 90000,
                                head_of(body[:-9] + b'\xff' * 9) + body[:-9] + b'\xff' * 9)))
    await reader.read()


async def oversized(port, reader, writer, body):
    if random.random() < 0.5:
        writer.write(head_of(b'', length=1 << 40))
    writer.write(b'GET / HTTP/1.1\r\nX-Large: ')
    for _ in range(64):
        writer.write(b'a' * 65536)
        await writer.drain()
    await reader.read()


async def disappears(port, reader, writer, body):
    sent = head_of(body) + body
    writer.write(sent[:random.choice((len(sent) // 2, len(sent)))])
    await writer.drain()
    await asyncio.sleep(random.choice((0, 0.02, 0.3)))
    writer.transport.abort()


async def never_reads(port, reader, writer, body):
    endless = json.dumps({'messages': [{'role': 'user', 'content': 'x'}], 'stream': True, 'ignore_eos': True,
                          'max_tokens': 200, 'logprobs': True, 'top_logprobs': 20}).encode()
    writer.transport.pause_reading()
    writer.write(head_of(endless) + endless)
    await asyncio.sleep(60)


async def wants_a_schema(port, reader, writer, body):
    nested = {'type': 'string', 'pattern': '^(a|b|ab){0,60}(x|y|xy){0,60}$', 'maxLength': 900}
    schema = {'type': 'object', 'properties': {str(i): nested for i in range(20)}, 'required': ['19']}
    asked = json.dumps({'messages': [{'role': 'user', 'content': 'x'}], 'max_tokens': 4, 'json_schema': schema}).encode()
    writer.write(head_of(asked) + asked)
    await reader.read()


HOSTILE = (slow_head, slow_body, silent, broken, oversized, disappears, never_reads, wants_a_schema)


async def hostile(port, bodies, index, until, done):
    """One after the other, until the time is over."""
    order = random.Random(index)
    for kind in itertools.cycle(HOSTILE[index % len(HOSTILE):] + HOSTILE[:index % len(HOSTILE)]):
        left = until - time.monotonic()
        if left <= 0:
            return
        writer = None
        try:
            reader, writer = await asyncio.open_connection('127.0.0.1', port)
            body = json.dumps(bodies[order.randrange(len(bodies))]).encode()
            await asyncio.wait_for(kind(port, reader, writer, body), min(left, 90))
        except GONE:
            pass
        finally:
            if writer:
                writer.transport.abort()
        done[kind.__name__] = done.get(kind.__name__, 0) + 1
        await asyncio.sleep(0.05)


def run_hostile(port, bodies, first, count, seconds, results):
    """In a process of its own, so that they take nothing from the good ones here."""
    async def run_all():
        until, done = time.monotonic() + seconds, {}
        await asyncio.gather(*(hostile(port, bodies, first + i, until, done) for i in range(count)))
        results.put(done)
    allow_descriptors()
    asyncio.run(run_all())


def allow_descriptors():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


# ---- the runs --------------------------------------------------------------------------------------------------------

def shown(taken):
    return f'{taken[0] / 2**20:.1f} MiB, {taken[1]} descriptors, {taken[2]} threads'


async def watch(server, until, log, rows):
    """A row now, and each minute (each second of a run of a few)."""
    begun = time.monotonic()
    while True:
        rows.append(server.taken())
        if log:
            print(f'{time.strftime("%H:%M:%S")} {time.monotonic() - begun:7.0f} s  {shown(rows[-1])}', file=log, flush=True)
        pause = 60 if until - begun > 300 else 1
        if time.monotonic() + pause > until:
            return
        await asyncio.sleep(pause)


async def together(server, options, seconds, bodies, alone, rows, log=None):
    until = time.monotonic() + seconds
    good = [Good(server.port, bodies, alone, until, options.pause) for _ in range(options.clients)]
    results, done = multiprocessing.Queue(), {}
    others = [multiprocessing.Process(target=run_hostile, args=(server.port, bodies, first,
                                                                min(250, options.hostile - first), seconds, results))
              for first in range(0, options.hostile, 250)]
    for process in others:
        process.start()
    await asyncio.gather(watch(server, until, log, rows), *(one.run(i) for i, one in enumerate(good)))
    for process in others:
        for name, count in results.get().items():
            done[name] = done.get(name, 0) + count
        process.join()
    return good, done


def report(good, done, alone_seconds, rows, before, after):
    right, wrong = sum(one.right for one in good), [fault for one in good for fault in one.wrong]
    seconds = sorted(s for one in good for s in one.seconds)
    print(f'answers: {right} right, {len(wrong)} wrong, {sum(one.refused for one in good)} times refused or cut off, and asked again')
    for index, wanted, got in wrong[:5]:
        print(f'  request {index}: {wanted!r} alone, {got!r} now')
    print(f'seconds: {statistics.mean(alone_seconds):.3f} alone, {statistics.mean(seconds):.3f} together '
          f'({statistics.mean(seconds) / statistics.mean(alone_seconds):.2f} times), half below '
          f'{seconds[len(seconds) // 2]:.3f}, all but 1 % below {seconds[len(seconds) * 99 // 100]:.3f}')
    if done:
        print('others: ' + ', '.join(f'{count} {name}' for name, count in sorted(done.items())))
    print(f'taken before: {shown(before)}; after: {shown(after)}; memory after over before {after[0] / before[0]:.3f}; '
          f'most: {shown([max(row[i] for row in rows) for i in range(3)])}')
    return not wrong and right > 0


def report_processor(seconds, alone, good, done):
    """What the good answers do not explain is the others'. On a machine that does other work, times on the clock say less."""
    answers, others = sum(len(one.seconds) for one in good), sum(done.values())
    text = f'processor: {alone * 1e3:.1f} ms for an answer alone, {seconds:.2f} s together for {answers} answers'
    if others:
        text += f' and {others} others, {(seconds - answers * alone) / others * 1e3:.1f} ms for each of these'
    print(text)


async def run(server, options):
    bodies = list(requests_of(options.panel, options.requests))
    alone, alone_seconds = [], []
    processor_start = server.processor_seconds()
    for body in bodies * 2:  # the second time as it is later: pictures are known
        start = time.monotonic()
        text, _ = await ask(server.port, body)
        alone_seconds.append(time.monotonic() - start)
        alone.append(text)
        if text.startswith(FAILED):
            print(f'alone: {text}')
            return False
    if alone[:len(bodies)] != alone[len(bodies):]:
        print('a request alone has two answers')
        return False
    processor_alone = (server.processor_seconds() - processor_start) / len(alone)
    warm, _ = await together(server, options, min(60, options.seconds / 5), bodies, alone, [])
    await asyncio.sleep(options.rest)
    before, rows = server.taken(), []
    log = open(options.log, 'a') if options.log else None
    processor_start = server.processor_seconds()
    good, done = await together(server, options, options.seconds, bodies, alone, rows, log)
    report_processor(server.processor_seconds() - processor_start, processor_alone, good, done)
    await asyncio.sleep(options.rest)
    for one, earlier in zip(good, warm):
        one.wrong += earlier.wrong
    return report(good, done, alone_seconds[len(bodies):], rows, before, server.taken())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('mica')
    parser.add_argument('panel')
    parser.add_argument('--clients', type=int, default=32)
    parser.add_argument('--hostile', type=int, default=0)
    parser.add_argument('--seconds', type=float, default=60)
    parser.add_argument('--pause', type=float, default=0, help='seconds between two requests of a client')
    parser.add_argument('--requests', type=int, default=25, help='different ones')
    parser.add_argument('--rest', type=float, default=3, help='seconds behind the load before memory is read')
    parser.add_argument('--log')
    end = sys.argv.index('--') if '--' in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:end])
    allow_descriptors()
    server = Server(options.mica, sys.argv[end + 1:])
    good = False
    try:
        good = asyncio.run(run(server, options))
    finally:
        status = server.end()
        print(f'the server ended with {status}')
    sys.exit(not good or status != 0)


if __name__ == '__main__':
    main()
