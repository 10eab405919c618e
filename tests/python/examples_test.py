"""The examples in the package's docstrings give what they say."""

import doctest
import importlib
import os
import pkgutil
import unittest

import support

import mica


class Examples(unittest.TestCase):
    def test_every_file(self):
        os.chdir(support.SAMPLES)
        attempted = 0
        for info in pkgutil.iter_modules(mica.__path__, "mica."):
            results = doctest.testmod(importlib.import_module(info.name))
            self.assertEqual(results.failed, 0, info.name)
            attempted += results.attempted
        results = doctest.testmod(mica)
        self.assertEqual(results.failed, 0)
        self.assertGreater(attempted + results.attempted, 50)

    def test_everything_that_is_public_is_explained(self):
        for name in mica.__all__:
            self.assertTrue((getattr(mica, name).__doc__ or "").strip(), name)


support.run()
