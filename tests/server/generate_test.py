# SPDX-License-Identifier: Apache-2.0
"""Text generation over HTTP, as five families of clients ask for it, against a running server."""
import contextlib
import http.client
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from running_server import PROGRAM, TINY, Server, keeps_freed_memory  # noqa: E402
from text_model import make_text_model  # noqa: E402

TEXT = "a heron wait in the reed"  # ends by itself
LONG = "the small fish"            # does not
FOREVER = {"min_new_tokens": 1000, "max_new_tokens": 1000}


class GenerateCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.model = make_text_model(pathlib.Path(cls.folder.name) / "tiny-t5")
        cls.server = Server("--model", TINY, "--max-queue-ms", "600000", model=cls.model)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        cls.folder.cleanup()

    def ask(self, path, body, status=200):
        got, answer, _ = self.server.ask(path, body)
        self.assertEqual(got, status, answer)
        return json.loads(answer)

    def refuse(self, path, body, words, status=422):
        answer = self.ask(path, body, status)
        self.assertIn(words, json.dumps(answer, ensure_ascii=False))
        return answer

    def stream(self, path, body, content_type="text/event-stream"):
        """The lines of a streamed body that are not empty."""
        status, answer, headers = self.server.ask(path, body)
        self.assertEqual(status, 200, answer)
        self.assertEqual(headers["Content-Type"], content_type)
        self.assertEqual(headers["Cache-Control"], "no-cache")
        self.assertEqual(headers["X-Accel-Buffering"], "no")
        return [line for line in answer.decode().split("\n") if line]

    def metric(self, name):
        _, text = self.server.request("GET", "/metrics")
        return next(float(line.split()[-1]) for line in text.decode().splitlines() if line.startswith(name + " "))

    def hugging_face(self, text=TEXT, **parameters):
        return self.ask("/models/tiny-t5", {"inputs": text, "parameters": parameters})[0]["generated_text"]


class HuggingFaceTest(GenerateCase):
    def test_stop(self):
        for name in ("stop", "stop_sequence"):
            for value in ("x4", ["zzz", "x4"]):
                self.assertEqual(self.hugging_face(**{name: value}), "m old ")

    def test_texts_and_lists(self):
        one = self.ask("/models/tiny-t5", {"inputs": TEXT})
        self.assertEqual(one, [{"generated_text": "m old x4l coldt nightk", "finish_reason": "eos_token"}])
        long = self.ask("/models/tiny-t5", {"inputs": LONG, "parameters": {"max_new_tokens": 5}})
        self.assertEqual(long[0]["finish_reason"], "length")
        both = self.ask("/", {"inputs": [TEXT, LONG], "parameters": {"generate_parameters": {"max_new_tokens": 5}}})
        self.assertEqual([set(entry) for entry in both], [{"generated_text", "finish_reason"}] * 2)
        self.assertEqual(both[1], long[0])

    def test_several_texts(self):
        beams = {"num_beams": 3, "num_return_sequences": 2, "max_new_tokens": 8}
        flat = self.ask("/models/tiny-t5", {"inputs": TEXT, "parameters": beams})
        nested = self.ask("/models/tiny-t5", {"inputs": [TEXT, LONG], "parameters": beams})
        self.assertEqual((len(flat), [len(entry) for entry in nested]), (2, [2, 2]))
        self.assertEqual(nested[0], flat)
        self.assertNotEqual(flat[0], flat[1])

    def test_tasks_of_the_model(self):
        summary = self.ask("/pipeline/summarization/tiny-t5", {"inputs": "cold water"})
        named = self.ask("/models/tiny-t5", {"inputs": "cold water", "parameters": {"task": "summarization"}})
        by_hand = self.hugging_face("the small cold water", max_length=12, num_beams=2)
        self.assertEqual([entry["summary_text"] for entry in summary + named], [by_hand, by_hand])
        german = {"inputs": "cold water", "parameters": {"src_lang": "en", "tgt_lang": "de"}}
        by_hand = self.hugging_face("a fish cold water", max_length=10)
        self.assertEqual(self.ask("/models/tiny-t5", german)[0]["translation_text"], by_hand)
        self.assertEqual(self.ask("/pipeline/translation_en_to_de/tiny-t5", {"inputs": "cold water"})[0]["translation_text"], by_hand)
        self.refuse("/models/tiny-t5", {"inputs": "x", "parameters": {"src_lang": "en", "tgt_lang": "ru"}}, "translation_en_to_ru")
        self.refuse("/pipeline/translation/tiny-t5", {"inputs": "x"}, "translation_en_to_de, translation_en_to_fr")
        self.refuse("/pipeline/poetry/tiny-t5", {"inputs": "x"}, "poetry")

    def test_truncation(self):
        long = "fish " * 5000
        answer = self.refuse("/models/tiny-t5", {"inputs": long}, "inputs: 5001 tokens, limit 4096")
        self.assertEqual(answer["error_type"], "validation")
        self.ask("/models/tiny-t5", {"inputs": long, "parameters": {"truncation": "longest_first", "max_new_tokens": 2}})

    def test_max_time(self):
        parameters = {**FOREVER, "max_time": 1e-6}
        cut = self.ask("/models/tiny-t5", {"inputs": LONG, "parameters": parameters})[0]
        self.assertEqual(cut["finish_reason"], "length")
        one = self.ask("/models/tiny-t5", {"inputs": LONG, "parameters": {"max_new_tokens": 1}})[0]
        self.assertEqual(cut["generated_text"], one["generated_text"])
        long = self.ask("/models/tiny-t5", {"inputs": [TEXT, LONG], "parameters": {"max_time": 1e9, "max_new_tokens": 20}})
        self.assertEqual(long[0], {"generated_text": self.hugging_face(), "finish_reason": "eos_token"})
        drawn = {**FOREVER, "do_sample": True, "num_return_sequences": 2, "max_time": 1e-6}
        self.assertEqual(len(self.ask("/models/tiny-t5", {"inputs": LONG, "parameters": drawn})), 2)

    def test_what_is_refused_is_named(self):
        for parameters, words in (({"num_beams": 999}, "num_beams: 999"), ({"temperature": 0, "do_sample": True}, "temperature"),
                                  ({"top_p": 2}, "top_p"), ({"max_new_tokens": 0}, "max_new_tokens"), ({"max_time": -1}, "max_time"),
                                  ({"max_time": "x"}, "max_time"),
                                  ({"num_return_sequences": 3}, "num_return_sequences"), ({"early_stopping": "maybe"}, "early_stopping"),
                                  ({"num_beam_groups": 2}, "num_beam_groups"), ({"max_new_tokens": "x"}, "max_new_tokens"),
                                  ({"truncation": "some"}, "truncation")):
            answer = self.refuse("/models/tiny-t5", {"inputs": TEXT, "parameters": parameters}, words)
            self.assertTrue(answer["error"].startswith("parameters."), answer)
        for inputs in ([], "", [""], [1], {"a": 1}, None):
            self.refuse("/models/tiny-t5", {"inputs": inputs}, "inputs")
        self.refuse("/pipeline/summarization/tiny_bert", {"inputs": TEXT}, "cannot generate text", status=424)
        self.ask("/models/tiny-t5", {"inputs": TEXT, "parameters": {"unknown": 1}, "options": {"use_cache": False}})


class TgiTest(GenerateCase):
    def events(self, parameters, path="/generate_stream", text=TEXT):
        lines = self.stream(path, {"inputs": text, "parameters": parameters, "stream": True})
        self.assertTrue(all(line.startswith("data:{") for line in lines), lines)
        return [json.loads(line[5:]) for line in lines]

    def test_stream_equals_the_whole(self):
        for text in (TEXT, LONG):
            for parameters in ({}, {"do_sample": True, "seed": 7}, {"stop": ["x4"]}, {"repetition_penalty": 1.3}, {"top_n_tokens": 3}):
                with self.subTest(text=text, parameters=parameters):
                    whole = self.ask("/generate", {"inputs": text, "parameters": {**parameters, "details": True}})
                    events = self.events(parameters, text=text)
                    joined = "".join(event["token"]["text"] for event in events if not event["token"]["special"])
                    self.assertEqual(joined, whole["generated_text"])
                    unnamed = [token | ({"text": ""} if token["special"] else {}) for token in whole["details"]["tokens"]]
                    self.assertEqual([event["token"] for event in events], unnamed)
                    self.assertEqual([event["index"] for event in events], list(range(1, len(events) + 1)))
                    self.assertEqual({event["generated_text"] for event in events[:-1]} - {None}, set())
                    last = events[-1]
                    self.assertEqual(last["generated_text"], whole["generated_text"])
                    for key in ("finish_reason", "generated_tokens", "seed"):
                        self.assertEqual(last["details"][key], whole["details"][key])
                    self.assertEqual(whole["details"]["seed"], 7 if "seed" in parameters else None)
                    self.assertEqual(last["details"]["generated_tokens"], len(events))

    def test_details(self):
        body = {"inputs": TEXT, "parameters": {"details": True, "decoder_input_details": True, "top_n_tokens": 2}}
        status, answer, headers = self.server.ask("/generate", body)
        self.assertEqual(status, 200)
        details = json.loads(answer)["details"]
        self.assertEqual(details["finish_reason"], "eos_token")
        self.assertEqual(details["prefill"], [{"id": 0, "text": "<pad>", "logprob": None}])
        self.assertEqual(details["tokens"][-1] | {"logprob": 0}, {"id": 1, "text": "</s>", "logprob": 0, "special": True})
        self.assertEqual([len(top) for top in details["top_tokens"]], [2] * len(details["tokens"]))
        for token, top in zip(details["tokens"], details["top_tokens"]):
            self.assertEqual(token["id"], top[0]["id"])
            self.assertEqual(token["logprob"], top[0]["logprob"])
        self.assertEqual(int(headers["x-generated-tokens"]), len(details["tokens"]))
        for name in ("x-compute-time", "x-total-time", "x-queue-time", "x-inference-time", "x-time-per-token", "x-prompt-tokens"):
            float(headers[name])

    def test_stop_sequences_are_kept(self):
        whole = self.ask("/generate", {"inputs": TEXT, "parameters": {"details": True, "stop": ["l co"]}})
        self.assertEqual(whole["generated_text"], "m old x4l co")
        self.assertEqual(whole["details"]["finish_reason"], "stop_sequence")

    def test_the_root_and_named_models_take_it_too(self):
        for path in ("/", "/models/tiny-t5"):
            whole = self.ask(path, {"inputs": TEXT, "parameters": {"details": True}, "stream": False})
            self.assertEqual([entry["generated_text"] for entry in whole], [self.hugging_face()])
            self.assertEqual(self.events({}, path)[-1]["generated_text"], whole[0]["generated_text"])

    def test_a_seed_for_who_gives_none(self):
        drawn = {"do_sample": True, "temperature": 2.0, "details": True, "max_new_tokens": 20}
        first, second = (self.ask("/generate", {"inputs": LONG, "parameters": drawn}) for _ in range(2))
        self.assertNotEqual(first["details"]["seed"], second["details"]["seed"])
        self.assertNotEqual(first["generated_text"], second["generated_text"])
        again = self.ask("/generate", {"inputs": LONG, "parameters": {**drawn, "seed": first["details"]["seed"]}})
        self.assertEqual(again, first)
        streamed = self.events({**drawn, "seed": None}, text=LONG)[-1]
        self.assertGreater(streamed["details"]["seed"], 0)
        _, answer, headers = self.server.ask("/v1/completions", {"prompt": LONG, "temperature": 2})
        repeated = self.ask("/v1/completions", {"prompt": LONG, "temperature": 2, "seed": int(headers["x-seed"])})
        self.assertEqual(repeated["choices"], json.loads(answer)["choices"])
        self.assertNotIn("x-seed", self.server.ask("/v1/completions", {"prompt": LONG})[2])

    def test_truncate_keeps_the_end(self):
        cut = self.ask("/generate", {"inputs": f"night rain moss {LONG}", "parameters": {"truncate": 4, "max_new_tokens": 9}})
        self.assertEqual(cut["generated_text"], self.hugging_face(LONG, max_new_tokens=9))

    def test_errors(self):
        for parameters, words in (({"temperature": 0}, "temperature"), ({"best_of": 2}, "best_of"), ({"top_p": 7}, "top_p"),
                                  ({"stop": ["a"] * 5}, "stop"), ({"watermark": True}, "watermark"), ({"grammar": {"type": "json"}}, "grammar"),
                                  ({"top_n_tokens": 6}, "top_n_tokens"), ({"max_new_tokens": 5000}, "max_new_tokens")):
            for path in ("/generate", "/generate_stream"):
                answer = self.refuse(path, {"inputs": TEXT, "parameters": parameters}, f"parameters.{words}")
                self.assertEqual(answer["error_type"], "validation")
        self.refuse("/generate_stream", {"inputs": TEXT, "parameters": {"decoder_input_details": True}}, "decoder_input_details")
        # Known before the first token: an answer with its status, not an event.
        self.refuse("/generate_stream", {"inputs": "fish " * 5000}, "5001 tokens")
        self.refuse("/generate", {"inputs": ""}, "inputs")


class CompletionsTest(GenerateCase):
    def chunks(self, **body):
        lines = self.stream("/v1/completions", {"model": "tiny-t5", "prompt": TEXT, "stream": True, **body})
        self.assertEqual(lines[-1], "data: [DONE]")
        return [json.loads(line[6:]) for line in lines[:-1]]

    def whole(self, **body):
        return self.ask("/v1/completions", {"model": "tiny-t5", "prompt": TEXT, **body})

    def test_shape(self):
        answer = self.whole(max_tokens=50)
        self.assertRegex(answer.pop("id"), "^cmpl-[0-9a-f]{16}$")
        self.assertAlmostEqual(answer.pop("created"), time.time(), delta=60)
        tokens = answer["usage"]["completion_tokens"]
        self.assertEqual(answer, {
            "object": "text_completion", "model": "tiny-t5",
            "choices": [{"text": self.hugging_face(), "index": 0, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": tokens, "total_tokens": 7 + tokens}})
        self.assertEqual(self.whole(prompt=LONG)["usage"]["completion_tokens"], 16)
        self.assertEqual(self.whole(prompt=LONG)["choices"][0]["finish_reason"], "length")
        self.assertEqual(self.ask("/openai/v1/completions", {"prompt": TEXT})["choices"], self.whole()["choices"])

    def test_stream_equals_the_whole(self):
        for body in ({}, {"temperature": 1, "seed": 3}, {"stop": "ld"}, {"stop": ["zzz", "col"]}, {"echo": True}, {"n": 2, "seed": 1},
                     {"n": 2, "temperature": 1, "seed": 6}, {"prompt": [TEXT, LONG]}, {"prompt": [[5, 6, 1], [8, 1]], "n": 2, "seed": 2}, {"num_beams": 3},
                     {"logprobs": 2}, {"prompt": LONG, "max_tokens": 40}, {"logit_bias": {"1": -100}}, {"best_of": 2, "n": 2, "seed": 8}):
            with self.subTest(body=body):
                whole = self.whole(**body)
                chunks = self.chunks(stream_options={"include_usage": True}, **body)
                self.assertEqual(chunks[-1]["choices"], [])
                self.assertEqual(chunks[-1]["usage"], whole["usage"])
                self.assertEqual({chunk["usage"] for chunk in chunks[:-1]} if chunks[:-1] else set(), {None})
                for choice in whole["choices"]:
                    own = [chunk["choices"][0] for chunk in chunks[:-1] if chunk["choices"][0]["index"] == choice["index"]]
                    self.assertEqual("".join(one["text"] for one in own), choice["text"])
                    self.assertEqual([one["finish_reason"] for one in own], [None] * (len(own) - 1) + [choice["finish_reason"]])
                    if choice["logprobs"]:
                        for key, values in choice["logprobs"].items():
                            self.assertEqual([value for one in own if one["logprobs"] for value in one["logprobs"][key]], values, key)
                self.assertEqual(len(whole["choices"]), max(chunk["choices"][0]["index"] for chunk in chunks[:-1]) + 1)

    def test_stops_are_cut(self):
        choice = self.whole(stop=["l co"])["choices"][0]
        self.assertEqual((choice["text"], choice["finish_reason"]), ("m old x4", "stop"))

    def test_choices(self):
        same = self.whole(n=2, temperature=0)
        self.assertEqual([one["text"] for one in same["choices"]], [self.whole()["choices"][0]["text"]] * 2)
        self.assertEqual(same["usage"]["prompt_tokens"], 7)
        drawn = self.whole(n=3)
        self.assertEqual(len({one["text"] for one in drawn["choices"]}), 3)
        self.assertEqual([one["index"] for one in self.whole(prompt=[TEXT, LONG], n=2, temperature=1)["choices"]], [0, 1, 2, 3])
        self.assertEqual(self.whole(temperature=1.5, seed=9)["choices"], self.whole(temperature=1.5, seed=9)["choices"])

    def test_penalties(self):
        plain = self.hugging_face(LONG, max_new_tokens=20)
        for name in ("presence_penalty", "frequency_penalty"):
            with self.subTest(name=name):
                texts = [self.whole(prompt=LONG, max_tokens=20, **{name: value})["choices"][0]["text"] for value in (0, 2, -2)]
                self.assertEqual(texts[0], plain)
                self.assertNotEqual(texts[1], plain)
                ollama = self.ask("/api/generate", {"model": "tiny-t5", "prompt": LONG, "stream": False, "options": {"num_predict": 20, name: 2}})
                self.assertEqual(ollama["response"], texts[1])
                kserve = self.ask("/v2/models/tiny-t5/generate", {"text_input": LONG, "parameters": {"max_tokens": 20, name: 2}})
                self.assertEqual(kserve["text_output"], texts[1])
        own = self.hugging_face(LONG, max_new_tokens=20, relative_frequency_penalty=40)
        tgi = self.ask("/generate", {"inputs": LONG, "parameters": {"max_new_tokens": 20, "frequency_penalty": 40}})
        self.assertEqual(tgi["generated_text"], own)
        self.assertNotEqual(own, plain)
        self.refuse("/generate", {"inputs": LONG, "parameters": {"frequency_penalty": 1e9}}, "parameters.frequency_penalty")

    def test_best_of(self):
        mean = lambda one: sum(one["logprobs"]["token_logprobs"]) / len(one["logprobs"]["token_logprobs"])  # noqa: E731
        # Without an end token all of them are of one length, and the means are those of what is told.
        fixed = {"temperature": 1.3, "seed": 4, "logit_bias": {"1": -100}, "max_tokens": 9, "prompt": LONG}
        drawn = self.whole(n=6, logprobs=0, **fixed)
        best = sorted(drawn["choices"], key=mean, reverse=True)[:2]
        chosen = self.whole(n=2, best_of=6, **fixed)
        self.assertEqual([one["text"] for one in chosen["choices"]], [one["text"] for one in best])
        self.assertEqual([(one["index"], one["logprobs"]) for one in chosen["choices"]], [(0, None), (1, None)])
        self.assertEqual(chosen["usage"], drawn["usage"])  # what was made is counted
        self.assertEqual(self.whole(best_of=3, temperature=0)["choices"], self.whole()["choices"])
        self.assertEqual(self.whole(best_of=3, num_beams=2, temperature=0)["choices"], self.whole(num_beams=2)["choices"])

    def test_logprobs(self):
        choice = self.whole(logprobs=3)["choices"][0]
        logprobs = choice["logprobs"]
        self.assertEqual("".join(logprobs["tokens"]), choice["text"])
        self.assertEqual(logprobs["text_offset"][2], len(logprobs["tokens"][0] + logprobs["tokens"][1]))
        for token, value, top in zip(logprobs["tokens"], logprobs["token_logprobs"], logprobs["top_logprobs"]):
            self.assertEqual(top[token], value)
        self.assertIsNone(self.whole(logprobs=0)["choices"][0]["logprobs"]["top_logprobs"])

    def test_echo(self):
        self.assertEqual(self.whole(echo=True)["choices"][0]["text"], TEXT + self.whole()["choices"][0]["text"])

    def test_errors(self):
        for body, words in (({"max_tokens": 0}, "max_tokens"), ({"max_tokens": 99999}, "max_tokens: 99999"), ({"temperature": 3}, "temperature"),
                            ({"n": 99}, "n"), ({"best_of": 2, "n": 3}, "best_of: fewer than n"), ({"best_of": 2, "stream": True}, "best_of"), ({"suffix": "x"}, "suffix"), ({"logprobs": 6}, "logprobs"),
                            ({"logprobs": 1, "echo": True}, "logprobs"), ({"presence_penalty": 9}, "presence_penalty"), ({"frequency_penalty": "x"}, "frequency_penalty"),
                            ({"logit_bias": {"fish": 1}}, "logit_bias"), ({"logit_bias": {"9999": 1}}, "logit_bias"), ({"prompt": ""}, "prompt"),
                            ({"prompt": []}, "prompt"), ({"prompt": [99999]}, "prompt"), ({"stop": ["a"] * 5}, "stop"), ({"stream": 1}, "stream")):
            with self.subTest(body=body):
                error = self.refuse("/v1/completions", {"prompt": TEXT, **body}, words, status=400)["error"]
                self.assertEqual(error["type"], "invalid_request_error")
        self.refuse("/v1/completions", {"model": "other", "prompt": TEXT}, "other", status=404)


class OllamaTest(GenerateCase):
    def test_stream_equals_the_whole(self):
        for options in ({}, {"temperature": 0.8, "seed": 5}, {"stop": ["col"]}, {"num_predict": 4}):
            with self.subTest(options=options):
                body = {"model": "tiny-t5:latest", "prompt": TEXT, "options": options}
                lines = [json.loads(line) for line in self.stream("/api/generate", body, "application/x-ndjson")]
                whole = self.ask("/api/generate", {**body, "stream": False})
                self.assertEqual("".join(line["response"] for line in lines), whole["response"])
                self.assertEqual([line["done"] for line in lines], [False] * (len(lines) - 1) + [True])
                self.assertEqual(lines[-1]["done_reason"], whole["done_reason"])
                self.assertEqual(whole["done_reason"], "length" if "num_predict" in options else "stop")
                for key in ("total_duration", "prompt_eval_count", "eval_count", "eval_duration", "load_duration"):
                    self.assertIsInstance(lines[-1][key], int)
                self.assertRegex(whole["created_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$")

    def test_without_a_temperature_nothing_is_drawn(self):
        self.assertEqual(self.ask("/api/generate", {"model": "tiny-t5", "prompt": TEXT, "stream": False})["response"], self.hugging_face())

    def test_models(self):
        loaded = self.ask("/api/generate", {"model": "tiny-t5"})
        self.assertEqual((loaded["done"], loaded["done_reason"], loaded["response"]), (True, "load", ""))
        tags = json.loads(self.server.request("GET", "/api/tags")[1])
        self.assertEqual([model["name"] for model in tags["models"]], ["tiny-t5"])
        self.assertIn("version", json.loads(self.server.request("GET", "/api/version")[1]))

    def test_errors(self):
        for body, words in (({"system": "be brief"}, "system"), ({"context": [1, 2]}, "context: not supported"), ({"options": {"temperature": -1}}, "options.temperature"),
                            ({"options": {"num_predict": 99999}}, "options.num_predict"), ({"images": ["x"]}, "images"), ({"prompt": 5}, "prompt")):
            answer = self.refuse("/api/generate", {"model": "tiny-t5", "prompt": TEXT, **body}, words)
            self.assertEqual(set(answer), {"error"})
        self.refuse("/api/generate", {"model": "other", "prompt": TEXT}, "other", status=404)


class KserveTest(GenerateCase):
    def test_stream_equals_the_whole(self):
        for path in ("/v2/models/tiny-t5", "/v2/models/tiny-t5/versions/3"):
            for parameters in ({}, {"max_tokens": 5}, {"temperature": 0.9, "top_p": 0.9, "seed": 4}, {"stop": ["old"]}, {"temperature": 0}):
                with self.subTest(path=path, parameters=parameters):
                    body = {"text_input": TEXT, "parameters": parameters}
                    whole = self.ask(f"{path}/generate", body)
                    events = [json.loads(line[6:]) for line in self.stream(f"{path}/generate_stream", body)]
                    self.assertEqual("".join(event["text_output"] for event in events), whole["text_output"])
                    self.assertEqual(events[-1]["finish_reason"], whole["finish_reason"])
                    self.assertEqual((whole["model_name"], whole["model_version"]), ("tiny-t5", "3" if "versions" in path else "1"))

    def test_errors(self):
        for body, words in (({"text_input": 4}, "text_input"), ({}, "text_input"), ({"text_input": TEXT, "parameters": {"max_tokens": 99999}}, "max_tokens")):
            self.assertEqual(set(self.refuse("/v2/models/tiny-t5/generate", body, words)), {"error"})
        self.refuse("/v2/models/other/generate_stream", {"text_input": TEXT}, "other", status=404)


class ServerTest(GenerateCase):
    def begin(self, text=LONG, parameters=FOREVER):
        """A stream whose first event has come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.request("POST", "/generate_stream", json.dumps({"inputs": text, "parameters": parameters}))
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        self.assertTrue(response.readline().startswith(b"data:{"))
        return connection, response

    def test_clients_who_leave_stop_their_jobs(self):
        """Sixteen in the middle of their texts: of one, the text may end before the server hears of its leaving."""
        dropped, generated = (self.metric(name) for name in ('te_request_failure{err="dropped"}', 'te_generate_success'))
        clients = [self.begin() for _ in range(16)]
        self.assertGreaterEqual(self.metric("te_queue_size"), 8)
        for connection, response in clients:
            response.close()
            connection.close()
        end = time.monotonic() + 20
        while self.metric("te_queue_size") > 0 and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(self.metric("te_queue_size"), 0)
        self.assertGreaterEqual(self.metric('te_request_failure{err="dropped"}'), dropped + 8)
        self.assertLessEqual(self.metric('te_generate_success'), generated + 8)

    def test_what_is_too_much_costs_no_memory(self):
        def ask_for_too_much():
            self.refuse("/generate", {"inputs": "fish " * 100_000}, "100001 tokens, limit 4096")
            self.refuse("/v1/completions", {"prompt": [[7] * 100_000]}, "100000 tokens, limit 4096", status=400)
            self.refuse("/models/tiny-t5", {"inputs": LONG, "parameters": {"num_beams": 17}}, "num_beams: 17, expected 1 to 16")
            self.refuse("/v1/completions", {"prompt": LONG, "max_tokens": 1024}, "max_tokens: 1024, expected 1 to 1023", status=400)
            self.refuse("/models/tiny-t5", {"inputs": ""}, "inputs")

        for _ in range(3):
            ask_for_too_much()
        before = self.server.resident_bytes()
        for _ in range(20):
            ask_for_too_much()
        if not keeps_freed_memory():
            self.assertLess(self.server.resident_bytes() - before, 8_000_000)

    def test_a_request_that_never_fits_names_its_memory_and_the_limit(self):
        """16 beams of 1,000 tokens take 6 MB of cache."""
        with contextlib.closing(Server(model=self.model)) as server:
            used = re.search(rb"minnow_memory_used_bytes (\d+)", server.request("GET", "/metrics")[1])
        limit = int(used[1]) + 5_000_000
        with contextlib.closing(Server("--memory-limit", str(limit), model=self.model)) as server:
            body = {"inputs": LONG, "parameters": {"num_beams": 16, "max_new_tokens": 1000}}
            status, answer, headers = server.ask("/models/tiny-t5", body)
            self.assertEqual(status, 422, answer)
            self.assertRegex(json.loads(answer)["error"], f"needs [0-9]+ bytes of memory.*limit {limit}")
            self.assertNotIn("Retry-After", headers)
            status, answer, _ = server.ask("/v1/completions", {"prompt": LONG, "num_beams": 16, "max_tokens": 1000})
            self.assertEqual((status, json.loads(answer)["error"]["type"]), (400, "invalid_request_error"))
            self.assertEqual(server.ask("/models/tiny-t5", {"inputs": LONG, "parameters": {"num_beams": 4, "max_new_tokens": 20}})[0], 200)

    def test_a_directory_in_int8_answers_as_its_packed_file(self):
        packed = f"{self.folder.name}/packed.minnow"
        subprocess.run([PROGRAM, "pack", "--model", self.model, "--dtype", "int8", "--embedding-dtype", "fp32", "-o", packed], check=True,
                       stdout=subprocess.DEVNULL)
        lines = "".join(json.dumps({"input_ids": [5, 6 + i, 30, 1], "max_new_tokens": 20, "num_beams": 3}) + "\n" for i in range(8))
        answers = [subprocess.run([PROGRAM, "generate", "--model", model, "--dtype", "int8", "--input-ids", "--json"], check=True, text=True,
                                  input=lines, capture_output=True).stdout for model in (packed, self.model)]
        self.assertEqual(answers[0].count("\n"), 8)
        self.assertEqual(*answers)

    def test_streams_beside_an_embedding_model(self):
        alone = [self.ask("/generate", {"inputs": text, "parameters": FOREVER})["generated_text"] for text in (LONG, TEXT)]
        expected = self.ask("/v1/embeddings", {"model": "tiny_bert", "input": "a fish"})["data"]
        got = [None, None]

        def read(i, text):
            connection, response = self.begin(text)
            events = [line for line in response.read().split(b"\n\n") if line]
            connection.close()
            got[i] = json.loads(events[-1][5:])["generated_text"]

        threads = [threading.Thread(target=read, args=(i, text)) for i, text in enumerate((LONG, TEXT))]
        for thread in threads:
            thread.start()
        for _ in range(10):
            self.assertEqual(self.ask("/v1/embeddings", {"model": "tiny_bert", "input": "a fish"})["data"], expected)
        for thread in threads:
            thread.join(60)
        self.assertEqual(got, alone)

    def test_metrics(self):
        names = ["minnow_generate_" + name for name in ("tokens_total", "prompt_tokens_total", "time_to_first_token_seconds_count",
                                                        "time_per_output_token_seconds_count", "requests_running", "requests_waiting", "cache_bytes")]
        before = [self.metric(name) for name in names]
        for body in ({"max_tokens": 9}, {"max_tokens": 9, "num_beams": 3, "min_new_tokens": 9}, {"max_tokens": 9, "n": 2, "temperature": 1, "min_new_tokens": 9}):
            self.ask("/v1/completions", {"prompt": LONG, **body})
        after = [self.metric(name) for name in names]
        self.assertEqual([b - a for a, b in zip(before, after)], [36, 12, 3, 3, 0, 0, 0])
        self.assertEqual(after[4:], [0, 0, 0])
        self.assertGreater(self.metric("minnow_generate_time_to_first_token_seconds_sum"), 0)


    def test_every_example_of_the_description_is_taken(self):
        paths = json.loads(self.server.request("GET", "/openapi.json")[1])["paths"]
        asked = [path for path in paths if "generate" in path or "completions" in path or "pipeline" in path]
        self.assertEqual(len(asked), 6)
        for path in asked:
            body = paths[path]["post"]["requestBody"]["content"]["application/json"]["example"]
            body = json.loads(json.dumps(body).replace("flan-t5-small", "tiny-t5"))
            path = path.replace("{task}", "summarization").replace("{name}", "tiny-t5")
            status, answer, _ = self.server.ask(path, body)
            self.assertEqual(status, 200, (path, answer))

    def test_info_tells_the_tasks(self):
        info = json.loads(self.server.request("GET", "/info")[1])
        self.assertEqual(info["model_pipeline_tag"], "text2text-generation")
        self.assertEqual(info["model_type"], {"text2text": {"tasks": {
            "summarization": {"prefix": "the small "}, "translation_en_to_de": {"prefix": "a fish "}, "translation_en_to_fr": {"prefix": "the old "}}}})


if __name__ == "__main__":
    unittest.main()
