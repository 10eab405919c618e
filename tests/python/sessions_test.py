"""Sessions: conversations, what they are refused, and threads."""

import base64
import gc
import json
import logging
import os
import pickle
import signal
import struct
import tempfile
import threading
import time
import unittest
import weakref

import numpy
import support
from support import DISPLAY, PANEL, UNIT, asking

import mica

MODEL = mica.Model()
LONG = DISPLAY * 500  # that takes many chunks


def golden(family, case):
    """What transformers gave: tensors of a safetensors file."""
    data = (support.DATA / "golden" / family / f"golden_{case}.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    types = {"F32": numpy.float32, "I32": numpy.int32}
    tensors = {}
    for name, tensor in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            first, end = tensor["data_offsets"]
            tensors[name] = numpy.frombuffer(data[8 + length + first : 8 + length + end], types[tensor["dtype"]])
    return tensors


class Failures(unittest.TestCase):
    def assert_fails(self, status, act):
        with self.assertRaises(mica.Error) as raised:
            act()
        self.assertEqual(raised.exception.status, status, str(raised.exception))
        self.assertTrue(str(raised.exception))

    def test_statuses_are_those_of_the_library(self):
        from mica import _native

        said = {"IO_ERROR": "input/output error", "INTERNAL": "internal error"}
        for status in mica.Status:
            self.assertEqual(_native.status_name(status), said.get(status.name, status.name.lower().replace("_", " ")))
        self.assertEqual(_native.status_name(len(mica.Status)), "unknown code")

    def test_models(self):
        self.assert_fails(mica.Status.NOT_FOUND, lambda: mica.Model("missing"))
        self.assert_fails(mica.Status.INVALID_ARGUMENT, lambda: mica.Model(chat_format="nonsense"))
        error = pickle.loads(pickle.dumps(mica.Error(mica.Status.CORRUPT_FILE, "a file")))
        self.assertEqual((error.status, str(error)), (mica.Status.CORRUPT_FILE, "a file"))

    def test_options(self):
        for options, named in (({"contxt": 3}, "contxt"), ({"context": "a"}, "context"), ({"context": -1}, "context"),
                               ({"context": 1 << 32}, "context"), ({"kv_levels": 3}, "kv_levels")):
            with self.assertRaisesRegex(TypeError, named):
                mica.Session(MODEL, **options)
        for sampling in ({"temperature": "hot"}, {"max_tokens": -1}, {"heat": 1}):
            with self.assertRaisesRegex(TypeError, next(iter(sampling))):
                mica.Session(MODEL).ask(DISPLAY, PANEL, **sampling)
        self.assert_fails(mica.Status.INVALID_ARGUMENT, lambda: mica.Session(MODEL, kv_levels="nonsense"))

    def test_messages(self):
        session = mica.Session(MODEL)
        for messages in (
            [],
            [{"role": "assistant", "content": "No."}],
            [{"role": "robot", "content": DISPLAY}],
            [{"role": "user"}],
            [{"role": "assistant", "content": None, "tool_calls": [{}]}, *asking(DISPLAY)],
            [{"role": "user", "content": [{"type": "sound", "sound": ""}]}],
            [{"role": "user", "content": [{"type": "text"}]}],
            [{"role": "user", "content": [{"type": "image"}]}],
            [{"role": "user", "content": [{"type": "image_url"}]}],
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b.jpg"}}]}],
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"file://{PANEL}"}}]}],
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": str(PANEL)}}]}],
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,!"}}]}],
        ):
            self.assert_fails(mica.Status.INVALID_ARGUMENT, lambda: session.chat(messages))
        self.assertEqual(session.chat(asking(DISPLAY)).text, "80.8")

    def test_schemas(self):
        session = mica.Session(MODEL)
        self.assert_fails(mica.Status.CORRUPT_FILE, lambda: session.ask(DISPLAY, PANEL, schema="no JSON"))
        self.assert_fails(mica.Status.UNSUPPORTED, lambda: session.ask(DISPLAY, PANEL, schema={"not": {}}))
        self.assertEqual(session.ask(DISPLAY, PANEL).text, "80.8")

    def test_context_that_is_full(self):
        session = mica.Session(MODEL, context=64)
        self.assert_fails(mica.Status.CONTEXT_FULL, lambda: session.ask(LONG))
        session.grow(4096)
        self.assertEqual(session.ask(LONG, max_tokens=2).stop, "tokens")


class Conversations(unittest.TestCase):
    def test_messages_of_openai(self):
        url = "data:image/jpeg;base64," + base64.b64encode(PANEL.read_bytes()).decode()
        pictures = [{"type": "image_url", "image_url": {"url": url}}, {"type": "image_url", "image_url": url},
                    {"type": "input_image", "image_url": url}, {"type": "image", "image": str(PANEL)},
                    mica.Picture(PANEL), PANEL]
        session = mica.Session(MODEL)
        for picture in pictures:
            content = [picture, {"type": "text", "text": DISPLAY}]
            self.assertEqual(session.chat([{"role": "user", "content": content}]).text, "80.8")

    def test_what_is_held_is_not_computed_again(self):
        session, fresh = mica.Session(MODEL), mica.Session(MODEL)
        messages = [{"role": "system", "content": "Answer briefly."}, *asking(DISPLAY)]
        answer = session.chat(messages)
        messages += [{"role": "assistant", "content": f" {answer.text}\n"}, {"role": "user", "content": UNIT}]
        before = session.stats()
        second = session.chat(messages)
        self.assertEqual(session.stats()["pictures"], before["pictures"])
        self.assertLess(session.stats()["prefill_tokens"] - before["prefill_tokens"], 32)
        self.assertEqual(second.text, fresh.chat(messages).text)
        # Another conversation, and one that was changed, are read from their beginning.
        messages[1] = asking(UNIT)[0]
        self.assertEqual(session.chat(messages).text, fresh.chat(messages).text)
        self.assertEqual(session.stats()["pictures"], before["pictures"] + 1)
        self.assertEqual(session.stats()["tokens"], fresh.stats()["tokens"])

    def test_streams(self):
        session = mica.Session(MODEL)
        stream = session.stream(asking(DISPLAY))
        self.assertIsNone(stream.answer.stop)
        first = next(stream)
        self.assertTrue("80.8".startswith(first) and stream.answer.text == first)
        self.assertEqual(first + "".join(stream), "80.8")
        self.assertEqual(stream.answer.stop, "end")
        self.assertEqual(list(stream), [])
        broken = session.stream(asking(DISPLAY))
        next(broken)
        self.assertEqual(session.ask(UNIT, PANEL).text, "VALVE 1")
        with self.assertRaises(mica.Error):
            next(broken)

    def test_sampling_and_stops(self):
        session = mica.Session(MODEL)
        self.assertEqual(session.ask(DISPLAY, PANEL, max_tokens=2).stop, "tokens")
        stopped = session.ask(DISPLAY, PANEL, stop=".")
        self.assertEqual((stopped.text, stopped.stop), ("80", "text"))
        self.assertEqual(session.ask(DISPLAY, PANEL).text, "80.8")
        wild = {"temperature": 5.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "max_tokens": 8}
        hot = [session.ask(DISPLAY, PANEL, seed=seed, **wild).tokens for seed in (1, 1, 2, 3)]
        self.assertEqual(hot[0], hot[1])
        self.assertGreater(len(set(hot)), 1)

    def test_schema_as_text_dictionary_and_class(self):
        class Reading:
            @staticmethod
            def model_json_schema():
                return {"type": "object", "properties": {"value": {"type": "number"}}, "required": ["value"],
                        "additionalProperties": False}

        session = mica.Session(MODEL)
        for schema in (Reading, Reading.model_json_schema(), json.dumps(Reading.model_json_schema())):
            self.assertIsInstance(session.ask(DISPLAY, PANEL, schema=schema).json()["value"], (int, float))
        self.assertEqual(session.ask(DISPLAY, PANEL).text, "80.8")

    def test_likelihoods(self):
        answer = mica.Session(MODEL).ask(DISPLAY, PANEL, log_probabilities=True)
        self.assertEqual(len(answer.log_probabilities), len(answer.tokens))
        self.assertTrue(all(-1 < value <= 0 for value in answer.log_probabilities))

    def test_save_and_restore(self):
        session, other = mica.Session(MODEL), mica.Session(MODEL)
        session.add("user", [mica.Picture(PANEL), DISPLAY])
        session.prefill()
        with tempfile.TemporaryDirectory() as folder:
            session.save(os.path.join(folder, "state"))
            other.restore(os.path.join(folder, "state"))
        self.assertTrue(numpy.array_equal(session.logits(), other.logits()))
        self.assertEqual(session.answer().text, "80.8")

    def test_its_memory_goes_with_it(self):
        session = mica.Session(MODEL)
        next(session.stream(asking(DISPLAY)))
        gone = weakref.ref(session)
        gc.disable()
        try:
            del session
            self.assertIsNone(gone())
        finally:
            gc.enable()

    def test_pictures_that_wait_are_kept(self):
        session = mica.Session(MODEL)
        session.add("user", [mica.Picture(PANEL.read_bytes()), DISPLAY])  # nobody else holds it
        for _ in range(50):
            mica.Picture(support.noise(112, 224, 3))
        self.assertEqual(session.answer().text, "80.8")


class Arrays(unittest.TestCase):
    def test_logits_are_those_of_transformers_and_no_copy(self):
        recorded = golden("qwen2_vl", 1)
        model = mica.Model(support.DATA / "golden" / "qwen2_vl")
        session = mica.Session(model, context=512, logit_rows=8, kv_visual_bits=32, kv_text_bits=32)
        session.add_tokens(recorded["input_ids"].tolist(), [support.DATA / "images" / "b_coffee.jpg"])
        session.prefill()
        rows = numpy.stack([session.logits(from_end) for from_end in range(7, -1, -1)])
        self.assertLess(numpy.abs(rows - recorded["logits_last8"].reshape(8, -1)).max(), 1e-3)
        answer = session.answer(max_tokens=6, ignore_end=True, temperature=0)
        self.assertEqual(answer.tokens, tuple(recorded["greedy"].tolist()))

        row = session.logits()
        self.assertTrue(numpy.shares_memory(row, session.logits()))
        self.assertFalse(row.flags.writeable)
        before = row.copy()
        session.answer(max_tokens=1, ignore_end=True)
        self.assertFalse(numpy.array_equal(row, before))  # it changed with the session
        with self.assertRaises(BufferError):
            session.grow(1024)
        del row
        session.grow(1024)

    def test_logits_outlive_their_session(self):
        session = mica.Session(MODEL)
        session.add("user", DISPLAY)
        session.prefill()
        row, copy = session.logits(), session.logits().copy()
        del session
        self.assertTrue(numpy.array_equal(row, copy))

    def test_embeddings(self):
        recorded = golden("qwen3_vl_b", 1)["image_embeds"].reshape(-1, 64)
        session = mica.Session(mica.Model(support.DATA / "golden" / "qwen3_vl_b"), context=512)
        rows = session.embed(support.DATA / "images" / "b_coffee.jpg")
        self.assertEqual(rows.shape, recorded.shape)
        self.assertLess(numpy.abs(rows - recorded).max(), 1e-4 * numpy.abs(recorded).max())
        kept = rows.copy()
        session.embed(support.DATA / "images" / "a_cat.jpg")
        self.assertTrue(numpy.array_equal(rows, kept))


class Threads(unittest.TestCase):
    def test_the_lock_is_not_held_while_computing(self):
        session = mica.Session(MODEL, threads=1, batch=64)
        for _ in range(20):
            session.clear()
            session.add("user", LONG)
            begun = threading.Event()

            def cancel():
                begun.wait()
                session.cancel()

            other = threading.Thread(target=cancel)
            other.start()
            begun.set()
            try:
                session.prefill()  # had it the lock, cancelling would come behind it
            except mica.Error as error:
                self.assertEqual(error.status, mica.Status.CANCELLED)
                break
            finally:
                other.join()
        else:
            self.fail("it was never cancelled in the middle")
        session.clear()
        self.assertEqual(session.ask(DISPLAY, PANEL).text, "80.8")

    def test_a_signal_ends_it(self):
        class Rang(Exception):
            pass

        def ring(*_):
            with self.assertRaises(mica.Error):
                session.stats()  # in the middle of its own call
            raise Rang

        session = mica.Session(MODEL, threads=1, batch=64)
        before = signal.signal(signal.SIGALRM, ring)
        try:
            session.add("user", LONG)
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            with self.assertRaises(Rang):
                session.prefill()
                time.sleep(10)  # where it was faster: never seen
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        self.assertEqual(session.ask(DISPLAY, PANEL).text, "80.8")

    def test_many_threads(self):
        shared, answers = mica.Session(MODEL, threads=1), []

        def ask(session, question):
            for _ in range(5):
                answers.append(session.ask(question, PANEL).text)

        def use_shared():
            for _ in range(50):
                try:
                    shared.add("user", DISPLAY)
                    shared.prefill()
                    shared.clear()
                except mica.Error as error:
                    self.assertEqual(error.status, mica.Status.CONTEXT_FULL)

        threads = [threading.Thread(target=ask, args=(mica.Session(MODEL, threads=1), question))
                   for question in (DISPLAY, UNIT) * 2]
        threads += [threading.Thread(target=use_shared) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answers), ["80.8"] * 10 + ["VALVE 1"] * 10)

    def test_forked_processes(self):
        session = mica.Session(MODEL, threads=2)
        self.assertEqual(session.ask(DISPLAY, PANEL).text, "80.8")
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            answers = [session.ask(UNIT, PANEL).text, mica.Session(MODEL).ask(DISPLAY, PANEL).text]
            os._exit(answers != ["VALVE 1", "80.8"])
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(session.ask(UNIT, PANEL).text, "VALVE 1")

    def test_what_the_library_says_is_logged(self):
        with self.assertLogs("mica", logging.WARNING) as logged:
            mica.Session(MODEL, context=MODEL.context_max + 64)
        self.assertIn("context", logged.output[0])


support.run()
