# SPDX-License-Identifier: Apache-2.0
"""The curl lines of docs/search-api.md, as a reader would type them."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from classifier_model import make  # noqa: E402
from program import ROOT, environment  # noqa: E402
from running_server import Server  # noqa: E402


@unittest.skipUnless(shutil.which("curl") and shutil.which("sh"), "no curl")
class DocsTest(unittest.TestCase):
    def test_every_curl_line_works(self):
        text = (ROOT / "docs/search-api.md").read_text()
        blocks = [body for language, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) if not language]
        commands = [command for block in blocks for command in re.split(r"\n(?=curl )", block.strip())]
        self.assertGreater(len(commands), 7)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "documents.jsonl").write_text('{"id":"c","title":"Nets","text":"A red net."}\n')
            server = Server("--model", make(path / "reranker", "bert", labels=1), "--index", str(path / "my.db"))
            self.addCleanup(server.close)
            for command in commands:
                result = subprocess.run(["sh", "-c", command.replace("curl ", "curl -sS -w '\\n%{http_code}' ", 1)],
                                        capture_output=True, text=True, cwd=folder, timeout=60,
                                        env=environment(B=f"http://127.0.0.1:{server.port}"))
                body, _, status = result.stdout.rpartition("\n")
                self.assertIn(status, ("200", "201", "202"), f"{command}\n{body}{result.stderr}")
                answer = json.loads(body)
                if "/search" in command or "/similar" in command:
                    self.assertTrue(answer["hits"], command)


if __name__ == "__main__":
    unittest.main()
