# SPDX-License-Identifier: Apache-2.0
"""Named entities and answers from the shell and over HTTP, beside what transformers' pipelines gave
(tests/golden/token_heads, tools/make_token_heads.py); and what bad input gets."""
import http.client
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from running_server import Server  # noqa: E402
from program import ROOT, TINY, run  # noqa: E402

GOLDEN = ROOT / "tests/golden/token_heads"
ENTITIES = json.loads((GOLDEN / "entities.json").read_text())
ANSWERS = json.loads((GOLDEN / "answers.json").read_text())
NER, QA = GOLDEN / "ner_bert", GOLDEN / "qa_xlm_roberta"
LONG = ENTITIES[-1]["text"]


class TokenCase(unittest.TestCase):
    def assert_same(self, found, expected):
        def places(items):
            return [{key: value for key, value in item.items() if key != "score"} for item in items]
        self.assertEqual(places(found), places(expected))
        for one, other in zip(found, expected):
            self.assertAlmostEqual(one["score"], other["score"], delta=2e-4)


class ServerTest(TokenCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--model", f"qa={QA}", "--model", f"embed={TINY}", model=f"ner={NER}")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def ask(self, path, body, status=200):
        found, text, headers = self.server.ask(path, body)
        self.assertEqual(found, status, text)
        self.headers = headers
        return json.loads(text)

    def refused(self, path, body, words, status=400):
        answer = self.ask(path, body, status)
        message = answer["error"]["message"] if isinstance(answer["error"], dict) else answer["error"]
        self.assertIn(words, message)

    def test_entities(self):
        for case in ENTITIES:
            if case["model"] != "ner_bert":
                continue
            text, options = case["text"], case["options"]
            body = self.ask("/v1/token-classify", {"input": text, **options})
            self.assertEqual((body["object"], body["model"], body["data"][0]["index"]), ("list", "ner", 0))
            self.assert_same(body["data"][0]["entities"], case["entities"])
            self.assert_same(self.ask("/models/ner", {"inputs": text, "parameters": options}), case["entities"])

    def test_lists_of_texts(self):
        cases = [case for case in ENTITIES if case["model"] == "ner_bert" and case["options"] == {"aggregation_strategy": "simple"}]
        texts = [case["text"] for case in cases]
        body = self.ask("/v1/token-classify", {"input": texts})
        for case, found in zip(cases, body["data"], strict=True):
            self.assert_same(found["entities"], case["entities"])
        self.assertEqual(body["usage"]["total_tokens"], sum(item["tokens_used"] for item in body["data"]))
        self.assertEqual([self.ask("/v1/token-classify", {"input": text})["data"][0]["entities"] for text in texts],
                         [item["entities"] for item in body["data"]])
        for case, found in zip(cases, self.ask("/models/ner", {"inputs": texts}), strict=True):
            self.assert_same(found, case["entities"])
        self.assertEqual(len(self.ask("/models/ner", {"inputs": texts[:1]})), 1)

    def test_long_texts(self):
        found = self.ask("/v1/token-classify", {"input": LONG})["data"][0]
        self.assertEqual(found["tokens_used"], 40)
        self.assertGreater(found["tokens"], 40)
        self.assertEqual(self.headers["x-truncated-inputs"], "1")
        whole = self.ask("/v1/token-classify", {"input": LONG, "stride": 5})
        self.assertEqual(whole["data"][0]["tokens_used"], found["tokens"])
        self.assertGreater(whole["usage"]["total_tokens"], found["tokens"])
        self.assertNotIn("x-truncated-inputs", self.headers)
        self.refused("/v1/token-classify", {"input": LONG, "truncate": False}, "tokens, limit 40")

    def test_answers(self):
        for case in ANSWERS:
            if case["model"] != "qa_xlm_roberta":
                continue
            pair = {key: case[key] for key in ("question", "context")}
            body = self.ask("/v1/answer", {**pair, **case["options"]})
            self.assert_same(body["data"][0]["answers"], case["answers"])
            self.assertEqual(body["data"][0]["tokens"], body["data"][0]["tokens_used"])
            found = self.ask("/models/qa", {"inputs": pair, "parameters": case["options"]})
            self.assertEqual(isinstance(found, dict), len(case["answers"]) == 1)
            self.assert_same(found if isinstance(found, list) else [found], case["answers"])

    def test_lists_of_questions(self):
        cases = [case for case in ANSWERS if case["model"] == "qa_xlm_roberta" and not case["options"]]
        questions, contexts = ([case[key] for case in cases] for key in ("question", "context"))
        body = self.ask("/v1/answer", {"question": questions, "context": contexts})
        for case, found in zip(cases, body["data"], strict=True):
            self.assert_same(found["answers"], case["answers"])
        found = self.ask("/models/qa", {"inputs": [{"question": q, "context": c} for q, c in zip(questions, contexts)]})
        self.assert_same(found, [case["answers"][0] for case in cases])
        one = self.ask("/v1/answer", {"question": questions[0], "context": contexts})["data"]
        self.assertEqual(one[0], body["data"][0])
        many = self.ask("/v1/answer", {"question": questions, "context": contexts[0]})["data"]
        self.assertEqual((many[0], len(one), len(many)), (body["data"][0], len(cases), len(cases)))

    def test_bad_entity_requests(self):
        path = "/v1/token-classify"
        for body, words in (({}, "input"), ({"input": 5}, "a string or a list of strings"), ({"input": ["a", 5]}, "input[1]"),
                            ({"input": [[1, 2]]}, "input[0]: expected a string"), ({"input": {}}, "input"),
                            ({"input": "a", "aggregation_strategy": "all"}, '"none", "simple"'),
                            ({"input": "a", "aggregation_strategy": 1}, "aggregation_strategy: expected a string"),
                            ({"input": "a", "ignore_labels": "O"}, "ignore_labels: expected an array"),
                            ({"input": "a", "ignore_labels": [1]}, "ignore_labels[0]"),
                            ({"input": "a", "ignore_labels": ["x"] * 1001}, "at most 1000"),
                            ({"input": "a", "stride": -1}, "stride: expected an integer"), ({"input": "a", "stride": 40}, "less than the 40 tokens"),
                            ({"input": "a", "stride": 2, "aggregation_strategy": "none"}, "must not be \"none\""),
                            ({"input": []}, "must not be empty"), ([], "an object")):
            self.refused(path, body, words)
        self.refused("/models/ner", {"inputs": "a", "parameters": {"stride": 40}}, "parameters.stride", 422)
        self.refused("/models/ner", {"inputs": "a", "parameters": {"aggregation_strategy": "x"}}, "parameters.aggregation_strategy", 422)
        self.refused("/models/ner", {"inputs": {"question": "a", "context": "b"}}, "inputs", 422)
        self.refused(path, {"input": "a", "model": "qa"}, "cannot classify tokens, only answer questions")
        self.refused("/v1/classify", {"input": "a", "model": "ner"}, "cannot classify, only classify tokens")
        self.refused("/v1/embeddings", {"input": "a", "model": "ner"}, "cannot embed")

    def test_bad_questions(self):
        path, good = "/v1/answer", {"question": "a", "context": "b"}
        for body, words in (({"question": "a"}, "context"), ({"context": "a"}, "question"), ({**good, "question": ""}, "question: must not be empty"),
                            ({**good, "context": ""}, "context: must not be empty"), ({**good, "context": 5}, "context: expected a string or a list"),
                            ({"question": ["a", "b"], "context": ["c"]}, "as many strings as questions, 2"), ({"question": [], "context": "c"}, "must not be empty"),
                            ({"question": ["a", 5], "context": "c"}, "question[1]"), ({**good, "top_k": 0}, "top_k"), ({**good, "top_k": 101}, "top_k"),
                            ({**good, "max_answer_len": 0}, "max_answer_len"), ({**good, "max_answer_len": 513}, "max_answer_len"),
                            ({**good, "max_seq_len": 8}, "max_seq_len"), ({**good, "doc_stride": 40}, "doc_stride: expected less than the 40"),
                            ({**good, "doc_stride": 17, "max_seq_len": 16}, "less than the 16"), ({**good, "handle_impossible_answer": 1}, "handle_impossible_answer"),
                            ({"question": ["q" * 20] * 2000, "context": "c" * 20000}, "bytes together")):
            self.refused(path, body, words)
        self.refused("/models/qa", {"inputs": "a"}, "inputs: expected an object with a question", 422)
        self.refused("/models/qa", {"inputs": ["a"]}, "inputs[0]: expected an object", 422)
        self.refused("/models/qa", {"inputs": good, "parameters": {"doc_stride": 99}}, "parameters.doc_stride", 422)
        self.refused("/models/other", {"inputs": good}, "other", 404)

    def test_odd_texts(self):
        for text in ("\u0000", "a\u0000b", "\ud83d", "x" * 100000, " " * 100000, "😀" * 3000, "\u0301" * 500):
            body = self.ask("/v1/token-classify", {"input": text, "stride": 3})
            for entity in body["data"][0]["entities"]:
                self.assertLessEqual(entity["start"], entity["end"])
            self.ask("/v1/answer", {"question": text, "context": "the fox " + text, "top_k": 100, "max_answer_len": 512})

    def test_what_is_served(self):
        paths = json.loads(self.server.request("GET", "/openapi.json")[1])["paths"]
        self.assertLessEqual({"/v1/token-classify", "/v1/answer"}, set(paths))
        self.assertIn(b"/v1/token-classify", self.server.request("GET", "/docs")[1])
        info = json.loads(self.server.request("GET", "/info?model=ner")[1])
        self.assertEqual(info["model_type"]["token_classifier"]["id2label"]["0"], "O")

    def test_a_client_that_leaves(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        connection.request("POST", "/v1/answer", json.dumps({"question": "fox?", "context": LONG * 300}), {"Content-Type": "application/json"})
        connection.close()
        self.test_lists_of_texts()


class ShellTest(TokenCase):
    def lines(self, *arguments, stdin="", code=0):
        result = run(*arguments, stdin=stdin.encode("utf-8", "surrogateescape"))
        self.assertEqual(result.returncode, code, result.stderr)
        self.errors = result.stderr.decode()
        return [json.loads(line) for line in result.stdout.splitlines()]

    def error(self, *arguments, stdin="", code=1):
        self.lines(*arguments, stdin=stdin, code=code)
        self.assertEqual(self.errors.count("\n"), 1, self.errors)
        return self.errors

    def test_entities(self):
        for strategy in ("none", "simple", "first", "average", "max"):
            for name in ("ner_roberta", "ner_xlm_roberta"):
                cases = [case for case in ENTITIES if case["model"] == name and case["options"] == {"aggregation_strategy": strategy}]
                stdin = "".join(json.dumps(case["text"]) + "\n" for case in cases)
                found = self.lines("ner", "--model", str(GOLDEN / name), "--dtype", "fp32", "--aggregation-strategy", strategy, "--json-input", stdin=stdin)
                for case, entities in zip(cases, found, strict=True):
                    self.assert_same(entities, case["entities"])

    def test_windows_and_labels(self):
        for case in ENTITIES:
            if case["model"] == "ner_bert" and len(case["options"]) > 1:
                options = ["--aggregation-strategy", case["options"]["aggregation_strategy"]]
                if "stride" in case["options"]:
                    options += ["--stride", str(case["options"]["stride"])]
                for label in case["options"].get("ignore_labels", ()):
                    options += ["--ignore-label", label]
                self.assert_same(self.lines("ner", "--model", str(NER), "--dtype", "fp32", *options, case["text"])[0], case["entities"])

    def test_lines_of_standard_input(self):
        texts = [f"the fox {i} in Zürich" for i in range(1500)]  # more than one batch
        found = self.lines("ner", "--model", str(NER), stdin="\n".join(texts))
        self.assertEqual(len(found), len(texts))
        self.assertEqual(found[1234], self.lines("ner", "--model", str(NER), texts[1234])[0])
        self.assertEqual(self.lines("ner", "--model", str(NER), stdin=""), [])
        self.assertIn("cut to 40 tokens", (self.lines("ner", "--model", str(NER), LONG), self.errors)[1])

    def test_answers(self):
        model = ("--model", str(QA), "--dtype", "fp32")
        for top_k in (1, 3):
            options = {"top_k": 3} if top_k == 3 else {}
            cases = [case for case in ANSWERS if case["model"] == "qa_xlm_roberta" and case["options"] == options]
            stdin = "".join(json.dumps({"question": case["question"], "context": case["context"]}) + "\n" for case in cases)
            found = self.lines("answer", *model, "--top-k", str(top_k), "--json-input", stdin=stdin)
            for case, answers in zip(cases, found, strict=True):
                self.assert_same(answers, case["answers"])
            case = cases[0]
            for arguments in ((f"{case['question']}\t{case['context']}",), ("--question", case["question"], case["context"]),
                              ("--question", case["question"], "--json-input", json.dumps(case["context"]))):
                self.assert_same(self.lines("answer", *model, "--top-k", str(top_k), *arguments)[0], case["answers"])

    def test_packed_models(self):
        with tempfile.TemporaryDirectory() as folder:
            for model, command, text in ((NER, "ner", "the fox in Zürich"), (QA, "answer", "who?\tthe fox in Zürich")):
                for dtype in ("fp32", "int8"):
                    packed = f"{folder}/{dtype}"
                    result = run("pack", "--model", str(model), "--dtype", dtype, "--embedding-dtype", "fp32", "-o", packed)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assertEqual(run(command, "--model", packed, text).stdout, run(command, "--model", str(model), "--dtype", dtype, text).stdout)
                report = json.loads(run("inspect", "--verify", "--json", packed).stdout)
                self.assertEqual(report["problems"], [])
                self.assertEqual((report["kind"], report["packed"]["quality"].get("same_label") is None),
                                 ("token-classification", False) if model == NER else ("question-answering", True))
            self.assertIn("Question answering", run("inspect", packed).stdout.decode())
        self.assertIn("B-PER", run("inspect", str(NER)).stdout.decode())

    def test_raw_scores(self):
        cases = json.loads((GOLDEN / "logits.json").read_text())
        for case in cases:
            if not case["model"].startswith("ids_ner"):
                continue
            model = ("--model", str(GOLDEN / case["model"]), "--dtype", "fp32")
            found = self.lines("ner", *model, "--input-ids", "--raw-scores", stdin=json.dumps(case["ids"]))[0]
            for row, expected in zip(found, case["logits"], strict=True):
                for a, b in zip(row, expected, strict=True):
                    self.assertAlmostEqual(a, b, delta=1e-4)
        self.assertIn("no tokenizer", self.error("ner", *model, "a fox"))

    def test_bad_input(self):
        model = ("--model", str(NER))
        for line, words in (("[1, 2", "not valid JSON"), ('["x"]', "expected an integer"), ("[]", "no tokens"), ("[4000]", "token id 4000")):
            self.assertIn(words, self.error("ner", *model, "--input-ids", "--raw-scores", stdin=line))
        self.assertIn("line 2: ", self.error("ner", *model, "--json-input", stdin='"a"\n5\n'))
        self.assertIn("line 1: no tab", self.error("answer", "--model", str(QA), stdin="no tab here\n"))
        self.assertIn("line 2: question", self.error("answer", "--model", str(QA), "--json-input", stdin='{"question":"a","context":"b"}\n{"question":5}\n'))
        self.assertIn("less than the 40 tokens", self.error("ner", *model, "--stride", "40", "a"))
        self.assertIn("not a token classifier", self.error("ner", "--model", TINY, "a"))
        self.assertIn("answers no questions", self.error("answer", *model, "a\tb"))
        self.assertIn("not a classifier", self.error("classify", *model, "a"))
        for arguments in (("--aggregation-strategy", "x"), ("--input-ids",), ("--stride", "2", "--aggregation-strategy", "none"), ("--stride", "-1")):
            self.error("ner", *model, *arguments, "a", code=2)
        for arguments in (("--top-k", "0"), ("--top-k", "101"), ("--max-answer-len", "0"), ("--question", "")):
            self.error("answer", "--model", str(QA), *arguments, "a\tb", code=2)
        # Bytes that are no UTF-8, and nothing at all.
        for text in ("", "\t", " \t ", "fox\udcff \udcc3( dog\tfox \udced\udca0\udc80"):
            self.lines("ner", *model, stdin=text + "\n")
            self.lines("answer", "--model", str(QA), "--question", "fox?", stdin=text + "\n")


if __name__ == "__main__":
    unittest.main()
