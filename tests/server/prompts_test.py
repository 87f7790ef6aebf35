# SPDX-License-Identifier: Apache-2.0
"""Prompts of a model, from its files to the shell, every route that embeds, and indexes."""
import json
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from running_server import Server  # noqa: E402
from program import TINY, run  # noqa: E402

PROMPTS = {"query": "small fish ", "passage": "old river ", "boat": "boat ", "none": ""}
TEXT = "the deep sea"


class PromptsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.model = self.root / "model"
        shutil.copytree(TINY, self.model)
        self.configure(PROMPTS)

    def configure(self, prompts, default=None):
        (self.model / "config_sentence_transformers.json").write_text(
            json.dumps({"prompts": prompts, "default_prompt_name": default}))

    def lines(self, *arguments, **options):
        result = run(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def embed(self, text, *options, model=None):
        return self.lines("embed", "--model", str(model or self.model), *options, "--", text)[0]

    def plain(self, text):
        """The vector of a model that has no prompts."""
        return self.embed(text, model=TINY)

    def fails(self, code, words, *arguments):
        result = run(*arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertIn(words, result.stderr.decode())

    def test_the_shell(self):
        self.assertEqual(self.embed(TEXT), self.plain(TEXT))
        for name, prompt in PROMPTS.items():
            self.assertEqual(self.embed(TEXT, "--prompt-name", name), self.plain(prompt + TEXT), name)
        self.assertEqual(self.embed(TEXT, "--prompt", "green "), self.plain("green " + TEXT))
        self.configure(PROMPTS, "boat")
        self.assertEqual(self.embed(TEXT), self.plain("boat " + TEXT))
        self.assertEqual(self.embed(TEXT, "--prompt", ""), self.plain(TEXT))
        embed = ("embed", "--model", str(self.model), TEXT)
        self.fails(1, 'prompt_name: "other" is not one of this model\'s: "query", "passage"', *embed, "--prompt-name", "other")
        self.fails(2, "--prompt", *embed, "--prompt-name", "query", "--prompt", "x")
        self.fails(1, "this model has no prompts", "embed", "--model", TINY, "--prompt-name", "query", TEXT)

    def test_a_packed_model_has_them_too(self):
        self.configure(PROMPTS, "boat")
        packed = self.root / "model.minnow"
        self.assertEqual(run("pack", "--model", str(self.model), "-o", str(packed), "--dtype", "fp32").returncode, 0)
        for options in ((), ("--prompt-name", "query"), ("--prompt", "")):
            self.assertEqual(self.embed(TEXT, *options, model=packed), self.embed(TEXT, *options), options)
        report = json.loads(run("inspect", "--json", str(packed)).stdout)
        self.assertEqual(report["sentence_vectors"]["prompts"], PROMPTS)

    def test_the_server(self):
        self.configure(PROMPTS, "boat")
        server = Server(model=str(self.model))
        self.addCleanup(server.close)

        def post(path, **fields):
            status, body = server.request("POST", path, fields)
            return status, json.loads(body)

        def close(one, other):
            return all(abs(a - b) < 1e-6 for a, b in zip(one, other)) and len(one) == len(other)

        for name, prompt in [(None, "boat "), *PROMPTS.items()]:
            want = self.plain(prompt + TEXT)
            for path in ("/embed", "/"):
                status, body = post(path, inputs=[TEXT], prompt_name=name)
                self.assertEqual(status, 200, body)
                self.assertTrue(close(body[0], want), (path, name))
            status, body = post("/v1/embeddings", input=TEXT, prompt_name=name)
            self.assertEqual(status, 200, body)
            self.assertTrue(close(body["data"][0]["embedding"], want), name)
        for path, field, status in (("/embed", "inputs", 422), ("/v1/embeddings", "input", 400), ("/tokenize", "inputs", 422)):
            got, body = post(path, **{field: TEXT, "prompt_name": "other"})
            self.assertEqual(got, status)
            self.assertIn('"query", "passage", "boat", "none"', json.dumps(body).replace("\\", ""))
        whole = post("/tokenize", inputs="boat " + TEXT)[1]
        self.assertEqual(post("/tokenize", inputs=TEXT, prompt_name="boat")[1], whole)

    def test_token_ids_of_another_vocabulary(self):
        ids = self.lines("tokenize", "--model", TINY, TEXT)[0]["ids"]
        server = Server()
        self.addCleanup(server.close)
        lax = Server("--allow-foreign-token-ids")
        self.addCleanup(lax.close)
        status, body = server.request("POST", "/v1/embeddings", {"input": [ids]})
        self.assertEqual(status, 200, body)
        for wrong in (ids[1:-1], ids[:-1], ids[1:], [5], [100257, 5]):
            status, body = server.request("POST", "/v1/embeddings", {"input": [ids, wrong]})
            self.assertEqual(status, 400, wrong)
            message = json.loads(body)["error"]["message"]
            self.assertTrue(message.startswith("input[1]: token ids of this model have the form [2, ..., 3]"), message)
            self.assertIn("check_embedding_ctx_length=False", message)
            self.assertEqual(lax.request("POST", "/v1/embeddings", {"input": wrong})[0], 400 if 100257 in wrong else 200)
        status, body = server.request("POST", "/v1/embeddings", {"input": [2, 100257, 3]})
        self.assertEqual(status, 400)
        self.assertIn("check_embedding_ctx_length=False", body.decode())
        self.assertEqual(server.request("POST", "/embed", {"inputs": ids[1:-1]})[0], 200)

    def index(self, *arguments, model=None):
        return run("index", "add", str(self.root / "texts.jsonl"), "--index", str(self.root / "my.db"), "--model",
                   str(model or self.model), *arguments)

    def top(self, query, *options):
        hits = self.lines("search", query, "--index", str(self.root / "my.db"), "--model", str(self.model), "--mode",
                          "semantic", "--exact", "--json", *options)[0]["hits"]
        return hits[0]["id"], round(hits[0]["score"], 3)

    def test_documents_and_queries_have_different_ones(self):
        # The vector of the first document's text with its prompt is the query's with its own.
        texts = {"hit": "small fish green stone", "miss": "bird"}
        self.configure({"query": "old river ", "passage": "old river "})
        (self.root / "texts.jsonl").write_text("".join(json.dumps({"id": k, "text": v}) + "\n" for k, v in texts.items()))
        self.assertEqual(self.index().returncode, 0)
        self.assertEqual(self.top("small fish green stone"), ("hit", 1.0))
        self.configure({"query": "", "passage": "old river ", "asked": "old river "})
        self.assertEqual(self.top("old river small fish green stone"), ("hit", 1.0))
        self.assertEqual(self.top("small fish green stone", "--prompt-name", "asked"), ("hit", 1.0))
        self.assertLess(self.top("small fish green stone")[1], 1.0)
        server = Server("--index", str(self.root / "my.db"), model=str(self.model))
        self.addCleanup(server.close)
        for fields, same in (({}, False), ({"prompt_name": "asked"}, True)):
            status, body = server.request("POST", "/indexes/default/search",
                                          {"q": "small fish green stone", "semantic_ratio": 1, "exact": True, **fields})
            self.assertEqual(status, 200, body)
            self.assertEqual(round(json.loads(body)["hits"][0]["score"], 3) == 1.0, same, body)
        status, body = server.request("GET", "/indexes/default/search?q=fish&prompt_name=other")
        self.assertEqual(status, 400, body)
        self.assertIn("asked", body.decode())

    def test_vectors_of_other_prompts_are_not_mixed(self):
        (self.root / "texts.jsonl").write_text('{"id": "a", "text": "a fish"}\n')
        self.assertEqual(self.index().returncode, 0)
        self.configure({**PROMPTS, "passage": "another "})
        (self.root / "texts.jsonl").write_text('{"id": "b", "text": "a boat"}\n')
        refused = self.index()
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"--reembed", refused.stderr)
        self.configure({**PROMPTS, "query": "another "})  # of queries only: vectors stay what they are
        self.assertEqual(self.index().returncode, 0)


if __name__ == "__main__":
    unittest.main()
