# SPDX-License-Identifier: Apache-2.0
"""Runs the examples of the documents, where a reader would: beside models of the names that they use."""
import re
import unittest

from support import FIXTURES, ROOT, ModelCase, run_python

from classifier_model import make  # support.py has said where it is
from text_model import make_text_model

PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


class DocumentsTest(ModelCase):
    def test_examples_run(self):
        (self.folder / "model.minnow").symlink_to(FIXTURES / "packed_v4/tiny_bert_int8_int8.minnow")
        make(self.folder / "cross-encoder", "bert", labels=1)
        make_text_model(self.folder / "t5")
        for document in ("docs/how-to/python.md", "python/README.md", "README.md"):
            blocks = PYTHON_BLOCK.findall((ROOT / document).read_text())
            with self.subTest(document=document):
                self.assertTrue(blocks)
                run_python("import os, sys\nos.chdir(sys.argv[1])\n" + "\n".join(blocks), self.folder)


if __name__ == "__main__":
    unittest.main()
