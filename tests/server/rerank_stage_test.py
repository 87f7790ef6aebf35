# SPDX-License-Identifier: Apache-2.0
"""A search's rerank stage with real models: the order is that of /rerank over the same passages, alone and under load."""
import concurrent.futures
import json
import pathlib
import socket
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from classifier_model import make  # noqa: E402
from program import TINY, run  # noqa: E402
from running_server import Server  # noqa: E402

WORDS = "the cat sat on a mat with dog fish tree house red blue green old new boat".split()
QUERY = "the dog sat on the red mat"


def text_of(number):
    """A text of 5 to 90 words, which differ from number to number."""
    return " ".join(WORDS[(number * 7 + i * (number % 5 + 1)) % len(WORDS)] for i in range(5 + number * 3 % 86))


class RerankStageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.reranker = make(cls.folder / "cross", "bert", labels=1)
        cls.index = str(cls.folder / "my.db")
        cls.server = Server("--model", cls.reranker, "--index", cls.index)
        cls.addClassCleanup(cls.server.close)
        documents = [{"id": f"d{i}", "text": text_of(i), "n": i} for i in range(40)]
        documents.append({"id": "long", "text": ". ".join(text_of(i) for i in range(30)), "n": 40})
        documents.append({"id": "none", "n": 41})
        status, body, _ = cls.server.ask("/indexes/docs/documents?wait=true", documents)
        assert status == 200, body
        cls.texts = {one["id"]: one.get("text", "") for one in documents}

    def search(self, **fields):
        status, body, _ = self.server.ask("/indexes/docs/search", {"q": QUERY, **fields})
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def passages(self, hits):
        return [self.texts[hit["id"]].encode()[hit["passage"]["begin"]:hit["passage"]["end"]].decode() for hit in hits]

    def test_order_is_that_of_the_rerank_route(self):
        for ratio in (0, 0.5, 1):
            before = self.search(semantic_ratio=ratio, limit=100)["hits"]
            answer = self.search(semantic_ratio=ratio, limit=100, rerank={"model": "cross", "top_n": 20})
            first = answer["hits"][:20]
            self.assertEqual(answer["rerank"]["scored"], 20)
            # The same hits, and the rest as it was.
            self.assertEqual({hit["id"] for hit in first}, {hit["id"] for hit in before[:20]})
            self.assertEqual([hit["id"] for hit in answer["hits"][20:]], [hit["id"] for hit in before[20:]])
            self.assertEqual({hit["rerank_score"] for hit in answer["hits"][20:]}, {None})
            self.assertNotEqual([hit["id"] for hit in first], [hit["id"] for hit in before[:20]])
            by_search = {hit["id"]: hit for hit in first}
            texts = self.passages([by_search[hit["id"]] for hit in before[:20]])
            status, body, _ = self.server.ask("/rerank", {"query": QUERY, "texts": texts})
            self.assertEqual(status, 200, body)
            ranked = json.loads(body)
            self.assertEqual([before[one["index"]]["id"] for one in ranked], [hit["id"] for hit in first])
            self.assertEqual([one["score"] for one in ranked], [hit["rerank_score"] for hit in first])

    def test_the_same_under_load(self):
        expected = [self.search(offset=offset, limit=10, rerank={"top_n": 30})["hits"] for offset in (0, 10, 20, 30)]
        self.assertEqual(len({hit["id"] for page in expected for hit in page}), 40)

        def ask(number):
            if number % 3 == 0:
                self.server.ask("/rerank", {"query": "a", "texts": [text_of(i) for i in range(number % 7 + 1)]})
            page = number % 4
            return self.search(offset=10 * page, limit=10, rerank={"top_n": 30})["hits"] == expected[page]

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual(set(pool.map(ask, range(120))), {True})

    def test_long_texts_are_cut_and_missing_ones_come_last(self):
        longest = " ".join([QUERY] * 300)
        answer = self.search(q=longest, rerank=True)
        self.assertEqual(answer["rerank"]["truncated"], answer["rerank"]["scored"])
        self.assertGreater(answer["rerank"]["scored"], 0)
        # Only listings find documents without text, and they need no reranker.
        listed = self.search(q="", filter="n >= 40", rerank=True)
        self.assertEqual([hit["id"] for hit in listed["hits"]], ["long", "none"])
        self.assertEqual(listed["rerank"]["scored"], 0)

    def test_words_alone_choose_the_passage_of_a_long_document(self):
        answer = self.search(semantic_ratio=0, filter='id = "long"', rerank=True)
        plain = self.search(semantic_ratio=0, filter='id = "long"')
        self.assertEqual(plain["hits"][0]["passage"]["begin"], 0)
        hit = answer["hits"][0]
        status, body, _ = self.server.ask("/rerank", {"query": QUERY, "texts": self.passages([hit])})
        self.assertEqual(status, 200, body)
        self.assertEqual(json.loads(body)[0]["score"], hit["rerank_score"])

    def test_a_client_that_leaves_ends_the_work(self):
        body = json.dumps({"q": QUERY, "rerank": {"top_n": 200}}).encode()
        head = b"POST /indexes/docs/search HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
        for _ in range(30):
            with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
                connection.sendall(head + body)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            metrics = self.server.request("GET", "/metrics")[1].decode()
            if "\nte_queue_size 0\n" in metrics:
                break
            time.sleep(0.05)
        self.assertIn("\nte_queue_size 0\n", metrics)
        self.assertEqual(len(self.search(rerank=True)["hits"]), 10)

    def test_from_the_shell(self):
        for ratio in ("0", "0.5"):
            served = self.search(semantic_ratio=float(ratio), limit=30, rerank={"top_n": 20})["hits"]
            result = run("search", QUERY, "--index", self.index, "--name", "docs", "--model", TINY, "--semantic-ratio", ratio, "-k", "30",
                         "--rerank", self.reranker, "--rerank-top-n", "20", "--json")
            self.assertEqual(result.returncode, 0, result.stderr)
            hits = json.loads(result.stdout)["hits"]
            self.assertEqual([hit["id"] for hit in hits], [hit["id"] for hit in served])
            for here, there in zip(hits, served):
                self.assertEqual(here["rerank_score"] is None, there["rerank_score"] is None)
                self.assertAlmostEqual(here["rerank_score"] or 0, there["rerank_score"] or 0, places=6)
        shown = run("search", QUERY, "--index", self.index, "--name", "docs", "--mode", "lexical", "--rerank", self.reranker, "-k", "2")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        for arguments, code, words in ((("--rerank", TINY), 1, "classifi"), (("--rerank", str(self.folder / "gone")), 1, "gone"),
                                       (("--rerank-top-n", "0", "--rerank", self.reranker), 2, "--rerank-top-n"),
                                       (("--rerank-top-n", "5"), 2, "--rerank")):
            result = run("search", QUERY, "--index", self.index, "--name", "docs", "--mode", "lexical", *arguments)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn(words, result.stderr.decode())


if __name__ == "__main__":
    unittest.main()
