"""Batches: many conversations at once give what each gives alone."""

import unittest

import support
from support import DISPLAY, PANEL, UNIT, asking

import mica

MODEL = mica.Model()


class Batches(unittest.TestCase):
    def test_answers_are_those_of_each_alone(self):
        pictures = sorted((support.DATA / "panel").glob("*.jpg"))[:6]
        questions = [asking(text, picture) for picture in pictures for text in (DISPLAY, UNIT)]
        alone = mica.Session(MODEL, context=512)
        expected = [alone.chat(question, log_probabilities=True) for question in questions]
        self.assertGreater(len({answer.text for answer in expected}), 6)
        for size in (1, 3, 16):
            batch = mica.Batch(MODEL, size, context=512)
            for _ in range(2):
                self.assertEqual(batch.chat(questions, log_probabilities=True), expected)

    def test_as_many_as_an_iterator_gives(self):
        taken = 0

        def endless():
            nonlocal taken
            while True:
                taken += 1
                yield asking(DISPLAY)

        batch = mica.Batch(MODEL, 4, context=512)
        answers = batch.chats(endless())
        for _ in range(10):
            self.assertEqual(next(answers)[1].text, "80.8")
        self.assertLess(taken, 16)
        answers.close()
        self.assertEqual(batch.chat([asking(UNIT)] * 8)[7].text, "VALVE 1")

    def test_one_that_fails_stops_no_other(self):
        batch = mica.Batch(MODEL, 2, context=128)
        questions = [asking(DISPLAY), asking(DISPLAY, "missing.jpg"), asking(DISPLAY * 50), [], asking(UNIT)]
        answers = dict(batch.chats(questions))
        self.assertEqual((answers[0].text, answers[4].text), ("80.8", "VALVE 1"))
        self.assertEqual([answers[index].status for index in (1, 2, 3)],
                         [mica.Status.NOT_FOUND, mica.Status.CONTEXT_FULL, mica.Status.INVALID_ARGUMENT])
        with self.assertRaises(mica.Error):
            batch.chat(questions)
        with self.assertRaises(TypeError):
            batch.chat([[{"role": "user", "content": [3]}]])
        self.assertEqual(len(batch.chat([asking(DISPLAY)] * 4)), 4)

    def test_schemas_and_sampling(self):
        batch = mica.Batch(MODEL, 2, context=512)
        answers = batch.chat([asking(DISPLAY)] * 3, schema={"type": "number"}, max_tokens=20)
        self.assertEqual([answer.json() for answer in answers], [80.8] * 3)
        self.assertEqual({answer.stop for answer in batch.chat([asking(DISPLAY)] * 3, max_tokens=1)}, {"tokens"})
        self.assertEqual({answer.text for answer in batch.chat([asking(DISPLAY)] * 3, stop=".")}, {"80"})

    def test_two_uses_at_once(self):
        batch = mica.Batch(MODEL, 2, context=512)
        first = batch.chats([asking(DISPLAY)] * 4)
        next(first)
        self.assertEqual([answer.text for _, answer in first], ["80.8"] * 3)
        one = mica.Batch(MODEL, 1, context=512)

        def asks_in_between():
            with self.assertRaisesRegex(mica.Error, "in use"):
                one.chat([asking(DISPLAY)])
            yield asking(UNIT)

        self.assertEqual([answer.text for answer in one.chat(asks_in_between())], ["VALVE 1"])

    def test_a_picture_is_encoded_once(self):
        cache = mica.PictureCache(MODEL)
        mica.Batch(MODEL, 4, cache=cache, context=512).chat([asking(DISPLAY)] * 4)
        self.assertEqual((cache.stats()["found"], cache.stats()["missed"]), (3, 1))

    def test_sessions_of_a_batch(self):
        batch = mica.Batch(MODEL, 2, context=512)
        first, second = batch.session(), batch.session()
        stream = first.stream(asking(DISPLAY))
        piece = next(stream)
        self.assertEqual(second.ask(UNIT, PANEL).text, "VALVE 1")
        self.assertEqual(piece + "".join(stream), "80.8")


support.run()
