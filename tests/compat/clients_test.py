# SPDX-License-Identifier: Apache-2.0
"""The server against the clients that people use: openai, LangChain's, huggingface_hub's InferenceClient, ollama, text-generation.

scripts/get-clients.sh fetches them. Each test is skipped, with a message, where its package cannot be imported.
"""
import importlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/cli"))
sys.path.insert(0, str(ROOT / "tests/server"))
sys.path.insert(0, str(ROOT / ".cache/clients"))
from program import PROGRAM, TINY, environment  # noqa: E402
from running_server import Server  # noqa: E402
from text_model import make_text_model  # noqa: E402

START_SECONDS = 30


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise unittest.SkipTest(f"the package {name} is not installed: {error}")


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.log = tempfile.NamedTemporaryFile("r+")
        cls.process = subprocess.Popen([PROGRAM, "serve", "--model", TINY, "--served-model-name", "some-organisation/tiny_bert", "--host", "127.0.0.1"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=cls.log,
                                       env=environment(MINNOW_PORT="0"))
        cls.addClassCleanup(cls.stop)
        end = time.monotonic() + START_SECONDS
        while " ready " not in cls.lines():
            if time.monotonic() > end or cls.process.poll() is not None:
                raise AssertionError(f"the server did not start: {cls.lines()}")
            time.sleep(0.01)
        cls.url = "http://127.0.0.1:" + re.search(r"\bport=(\d+)", cls.lines()).group(1)

    @classmethod
    def lines(cls):
        return pathlib.Path(cls.log.name).read_text()

    def model(self):
        with urllib.request.urlopen(self.url + "/v1/models", timeout=START_SECONDS) as answer:
            return json.load(answer)["data"][0]["id"]

    @classmethod
    def stop(cls):
        cls.process.kill()
        cls.process.wait(START_SECONDS)
        cls.log.close()

    def test_openai_package(self):
        openai = package("openai")
        client = openai.OpenAI(base_url=self.url + "/v1", api_key="unused", max_retries=0)
        model = client.models.list().data[0].id
        texts = ["one text", "another"]
        floats = client.embeddings.create(model=model, input=texts, encoding_format="float")
        self.assertEqual([item.index for item in floats.data], [0, 1])
        self.assertGreater(floats.usage.prompt_tokens, 2)
        self.assertEqual(floats.usage.prompt_tokens, floats.usage.total_tokens)
        # Without encoding_format the package asks for base64 and decodes it.
        decoded = client.embeddings.create(model=model, input=texts)
        for ours, theirs in zip(decoded.data, floats.data):
            self.assertEqual(len(ours.embedding), len(theirs.embedding))
            for a, b in zip(ours.embedding, theirs.embedding):
                self.assertAlmostEqual(a, b, places=6)
        short = client.embeddings.create(model=model, input="one text", dimensions=3, encoding_format="float")
        self.assertEqual(len(short.data[0].embedding), 3)
        self.assertAlmostEqual(sum(x * x for x in short.data[0].embedding), 1, places=5)

    def test_openai_package_raises_its_own_errors(self):
        openai = package("openai")
        client = openai.OpenAI(base_url=self.url + "/v1", api_key="unused", max_retries=0)
        model = client.models.list().data[0].id
        with self.assertRaises(openai.NotFoundError) as unknown:
            client.embeddings.create(model="no-such-model", input="a")
        self.assertEqual(unknown.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError) as empty:
            client.embeddings.create(model=model, input=["a", ""])
        self.assertEqual(empty.exception.param, "input")
        self.assertIn("input[1]", str(empty.exception))
        with self.assertRaises(openai.BadRequestError):
            client.embeddings.create(model=model, input=["a"] * 2049)

    def test_openai_package_finds_models_by_name(self):
        openai = package("openai")
        client = openai.OpenAI(base_url=self.url + "/v1/", api_key="unused", max_retries=0)
        model = client.models.list().data[0].id
        # The package encodes the slash.
        self.assertIn("/", model)
        self.assertEqual(client.models.retrieve(model).id, model)

    def test_openai_package_shows_which_routes_there_are(self):
        openai = package("openai")
        client = openai.OpenAI(base_url=self.url + "/v1", api_key="unused", max_retries=0)
        with self.assertRaises(openai.NotFoundError) as unknown:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "a"}])
        self.assertIn("/v1/embeddings (POST)", str(unknown.exception))
        # Without /v1 the base is TEI's.
        bare = openai.OpenAI(base_url=self.url, api_key="unused", max_retries=0)
        self.assertEqual(len(bare.embeddings.create(model=self.model(), input="a").data), 1)

    def test_langchain_openai(self):
        langchain = package("langchain_openai")
        client = langchain.OpenAIEmbeddings(base_url=self.url + "/v1", api_key="unused", model=self.model(),
                                            check_embedding_ctx_length=False, max_retries=0)
        vectors = client.embed_documents(["one text"] * 1500)
        self.assertEqual(len(vectors), 1500)
        self.assertEqual(len(vectors[0]), len(client.embed_query("one text")))

    def test_huggingface_sentence_similarity(self):
        hub = package("huggingface_hub")
        client = hub.InferenceClient(model=self.url)
        same, other = client.sentence_similarity("one text", other_sentences=["one text", "the sea"])
        self.assertAlmostEqual(same, 1, places=5)
        self.assertLess(other, same)
        with self.assertRaises(hub.errors.HfHubHTTPError) as refused:
            client.sentence_similarity("", other_sentences=["a"])
        self.assertIn("inputs.source_sentence", str(refused.exception.response.text))

    def test_huggingface_inference_client(self):
        hub = package("huggingface_hub")
        package("numpy")
        for url in (self.url, self.url + "/embed"):
            client = hub.InferenceClient(model=url)
            vector = client.feature_extraction("one text")
            self.assertEqual(vector.shape[0], 1)
            self.assertAlmostEqual(float((vector * vector).sum()), 1, places=5)
            self.assertEqual(
                client.feature_extraction("one text", normalize=False, truncate=True,
                                          truncation_direction="Left").shape, vector.shape)
            with self.assertRaises(hub.errors.HfHubHTTPError) as refused:
                client.feature_extraction("one text", prompt_name="query")
            self.assertEqual(refused.exception.response.status_code, 422)
            self.assertEqual(json.loads(refused.exception.response.text)["error_type"], "Validation")


class TextClientTest(unittest.TestCase):
    """The same clients and a model that generates text."""
    PROMPT = "a heron wait in the reed"
    TEXT = "m old x4l coldt nightk"

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.server = Server(model=make_text_model(pathlib.Path(folder.name) / "tiny-t5"))
        cls.addClassCleanup(cls.server.close)
        cls.url = f"http://127.0.0.1:{cls.server.port}"

    def test_openai_completions(self):
        openai = package("openai")
        client = openai.OpenAI(base_url=f"{self.url}/v1", api_key="unused")
        whole = client.completions.create(model="tiny-t5", prompt=self.PROMPT, logprobs=1)
        self.assertEqual(whole.choices[0].text, self.TEXT)
        self.assertEqual("".join(whole.choices[0].logprobs.tokens), self.TEXT)
        chunks = list(client.completions.create(model="tiny-t5", prompt=self.PROMPT, stream=True, stream_options={"include_usage": True}))
        self.assertEqual("".join(chunk.choices[0].text for chunk in chunks if chunk.choices), self.TEXT)
        self.assertEqual(chunks[-1].usage, whole.usage)
        with self.assertRaises(openai.BadRequestError) as raised:
            client.completions.create(model="tiny-t5", prompt="x", temperature=9)
        self.assertEqual(raised.exception.param, "temperature")

    def test_huggingface_text_generation(self):
        hub = package("huggingface_hub")
        client = hub.InferenceClient(model=f"{self.url}/models/tiny-t5")
        self.assertEqual(client.text_generation(self.PROMPT, max_new_tokens=20), self.TEXT)
        detailed = client.text_generation(self.PROMPT, max_new_tokens=20, details=True)
        self.assertEqual((detailed.generated_text, detailed.details.finish_reason), (self.TEXT, "eos_token"))
        events = list(client.text_generation(self.PROMPT, max_new_tokens=20, details=True, stream=True))
        self.assertEqual("".join(event.token.text for event in events if not event.token.special), self.TEXT)
        self.assertEqual(events[-1].generated_text, self.TEXT)
        self.assertEqual(events[-1].details.finish_reason, "eos_token")
        pieces = list(client.text_generation(self.PROMPT, max_new_tokens=20, stream=True))
        self.assertEqual("".join(pieces), self.TEXT)
        drawn = client.text_generation(self.PROMPT, max_new_tokens=20, temperature=1.5, details=True)
        again = client.text_generation(self.PROMPT, max_new_tokens=20, temperature=1.5, details=True, seed=drawn.details.seed)
        self.assertEqual(again, drawn)
        with self.assertRaises(hub.errors.ValidationError) as refused:
            client.text_generation(self.PROMPT, top_p=7.0)
        self.assertIn("parameters.top_p", str(refused.exception))

    def test_huggingface_tasks(self):
        hub = package("huggingface_hub")
        summary = hub.InferenceClient(model=f"{self.url}/pipeline/summarization/tiny-t5").summarization("cold water")
        self.assertTrue(summary.summary_text)
        german = hub.InferenceClient(model=f"{self.url}/models/tiny-t5").translation("cold water", src_lang="en", tgt_lang="de")
        self.assertTrue(german.translation_text)

    def test_ollama(self):
        ollama = package("ollama")
        client = ollama.Client(host=self.url)
        self.assertEqual([model.model for model in client.list().models], ["tiny-t5"])
        whole = client.generate(model="tiny-t5", prompt=self.PROMPT)
        self.assertEqual((whole.response, whole.done, whole.done_reason), (self.TEXT, True, "stop"))
        self.assertGreater(whole.eval_count, 0)
        parts = list(client.generate(model="tiny-t5:latest", prompt=self.PROMPT, stream=True, options={"temperature": 0, "num_predict": 5}))
        self.assertTrue(self.TEXT.startswith("".join(part.response for part in parts)))
        self.assertEqual((parts[-1].done_reason, parts[-1].eval_count), ("length", 5))
        with self.assertRaises(ollama.ResponseError) as raised:
            client.generate(model="tiny-t5", prompt=self.PROMPT, context=[1, 2])
        self.assertEqual(raised.exception.status_code, 422)
        self.assertTrue(raised.exception.error.startswith("context: "), raised.exception.error)

    def test_text_generation(self):
        package("aiohttp")
        text_generation = package("text_generation")
        client = text_generation.Client(self.url)
        whole = client.generate(self.PROMPT, max_new_tokens=20, decoder_input_details=True)
        self.assertEqual((whole.generated_text, whole.details.finish_reason), (self.TEXT, "eos_token"))
        self.assertEqual([token.text for token in whole.details.prefill], ["<pad>"])
        self.assertEqual("".join(token.text for token in whole.details.tokens if not token.special), self.TEXT)
        events = list(client.generate_stream(self.PROMPT, max_new_tokens=20, do_sample=True, seed=3))
        self.assertEqual("".join(event.token.text for event in events if not event.token.special), events[-1].generated_text)
        self.assertEqual(events[-1].details.seed, 3)
        with self.assertRaises(text_generation.errors.ValidationError):
            client.generate(self.PROMPT, max_new_tokens=99999)


if __name__ == "__main__":
    unittest.main()
