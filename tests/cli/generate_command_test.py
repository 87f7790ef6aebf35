# SPDX-License-Identifier: Apache-2.0
"""minnow generate, bench generate and inspect of a model that makes text, as their users start them; damaged models too."""
import json
import math
import os
import pathlib
import re
import shutil
import struct
import sys
import tempfile
import unittest

from program import ROOT, TINY, run

sys.path.insert(0, str(ROOT / "tests/server"))
from text_model import make_text_model  # noqa: E402

DONE, FAILED, USAGE = 0, 1, 2
T5 = ROOT / "tests/golden/t5"
GOLDEN = json.loads((ROOT / "tests/golden/generate.json").read_text())["cases"]
SHARED = pathlib.Path(os.environ.get("MINNOW_DATA") or ROOT / "../shared/data") / "t5_fixtures/t5_relu_tied"
TEXT, ANSWER = "a heron wait in the reed", "m old x4l coldt nightk"
LONG = "the small fish"  # does not end by itself
ALIASES = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")


class GenerateCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.model = make_text_model(cls.folder / "tiny-t5")

    def generate(self, *arguments, stdin=b"", model=None):
        return run("generate", "--model", str(model or self.model), *arguments, stdin=stdin)

    def lines(self, *arguments, stdin=b"", model=None):
        result = self.generate(*arguments, stdin=stdin, model=model)
        self.assertEqual(result.returncode, DONE, result.stderr.decode())
        return result.stdout.decode().splitlines()

    def objects(self, *arguments, **options):
        return [json.loads(line) for line in self.lines(*arguments, **options)]

    def by_ids(self, requests, *arguments, model=None):
        stdin = "".join(json.dumps(request) + "\n" for request in requests).encode()
        return self.objects("--input-ids", "--json", *arguments, stdin=stdin, model=model)

    def refuse(self, words, *arguments, stdin=b"", model=None, code=FAILED, before=None):
        result = self.generate(*arguments, stdin=stdin, model=model)
        message = result.stderr.decode()
        self.assertEqual(result.returncode, code, message)
        last = message.splitlines()[-1]
        self.assertTrue(last.startswith("minnow: "), message)
        self.assertIn(words, last)
        if before is not None:
            self.assertEqual(result.stdout.decode().splitlines(), before)


class LinesTest(GenerateCase):
    def test_arguments_and_lines(self):
        self.assertEqual(self.lines(TEXT), [ANSWER])
        texts = [TEXT, LONG, "cold water", "sun , moon"] * 20
        found = self.lines("--max-new-tokens", "12", stdin="\n".join(texts).encode())
        self.assertEqual(found, self.lines("--max-new-tokens", "12", *texts[:4]) * 20)
        self.assertEqual(found, self.lines("--max-new-tokens", "12", "--threads", "1", stdin="\n".join(texts).encode()))
        self.assertEqual(self.lines(stdin=b""), [])

    def test_blank_lines(self):
        text = f"\n{TEXT}\n\n\n{TEXT}\n"
        self.assertEqual(self.lines(stdin=text.encode()), ["", ANSWER, "", "", ANSWER])
        self.assertEqual(self.lines("--stream", stdin=text.encode()), ["", ANSWER, "", "", ANSWER])
        self.assertEqual(self.lines(stdin=b"\n" * 100), [""] * 100)
        blank = self.objects("--json", stdin=text.encode())[0]
        self.assertEqual(blank, {"text": "", "ids": [], "score": 0, "finish_reason": "end"})

    def test_json(self):
        one, two = self.objects("--json", "--max-new-tokens", "9", TEXT, LONG)
        self.assertEqual((one["text"], one["finish_reason"]), (ANSWER, "end"))
        self.assertEqual((one["ids"][0], one["ids"][-1]), (0, 1))
        self.assertEqual((len(two["ids"]), two["finish_reason"]), (10, "length"))
        self.assertLess(one["score"], 0)
        self.assertEqual(self.objects("--json", "--json-input", stdin=json.dumps(TEXT).encode()), [one])

    def test_beams_and_several_texts(self):
        found = self.objects("--json", "--beams", "4", "--num-return-sequences", "3", "--max-new-tokens", "8", TEXT, LONG)
        self.assertEqual(len(found), 6)
        for texts in (found[:3], found[3:]):
            scores = [text["score"] for text in texts]
            self.assertEqual(scores, sorted(scores, reverse=True))
            self.assertEqual(len({tuple(text["ids"]) for text in texts}), 3)
        texts = self.lines("--beams", "4", "--num-return-sequences", "3", "--max-new-tokens", "8", TEXT)
        self.assertEqual(texts, [text["text"] for text in found[:3]])

    def test_tasks(self):
        summary = self.lines("--task", "summarization", "cold water")
        self.assertEqual(summary, self.lines("--max-new-tokens", "11", "--beams", "2", "the small cold water"))
        shorter = self.lines("--task", "summarization", "--max-new-tokens", "3", "--beams", "1", "cold water")
        self.assertEqual(shorter, self.lines("--max-new-tokens", "3", "the small cold water"))
        self.refuse('task: the model has none named "poetry"; it has summarization, translation_en_to_de, translation_en_to_fr',
                    "--task", "poetry", "x")

    def test_streams(self):
        for options in ((), ("--sample", "--seed", "3"), ("--stop", "x4")):
            whole = self.lines("--max-new-tokens", "30", *options, TEXT, LONG)
            self.assertEqual(self.lines("--stream", "--max-new-tokens", "30", *options, TEXT, LONG), whole)
        self.refuse("num_beams: 2, limit 1 where the text is streamed", "--stream", "--beams", "2", TEXT)
        self.refuse("--json", "--stream", "--json", TEXT, code=USAGE)
        self.refuse("--clean-up-spaces", "--stream", "--clean-up-spaces", TEXT, code=USAGE)

    def test_seeds(self):
        first = self.lines("--sample", "--seed", "5", TEXT, LONG)
        self.assertEqual(self.lines("--sample", "--seed", "5", TEXT, LONG), first)
        self.assertEqual(self.lines("--temperature", "1", "--seed", "5", TEXT, LONG), first)
        self.assertNotEqual(self.lines("--sample", "--seed", "6", TEXT, LONG), first)
        self.lines("--sample", "--seed", str(2**64 - 1), TEXT)
        for seed in ("-1", str(2**64), "1.5", "0x10", ""):
            self.refuse("--seed: expected a whole number from 0 to", "--sample", "--seed=" + seed, TEXT, code=USAGE)

    def test_penalties(self):
        plain = self.objects("--json", "--max-new-tokens", "30", LONG)[0]["ids"]
        most = max(plain.count(i) for i in plain)
        self.assertGreater(most, 2)
        once = self.objects("--json", "--max-new-tokens", "30", "--presence-penalty", "1000", LONG)[0]["ids"]
        self.assertEqual(len(set(once)), len(once))
        more = self.objects("--json", "--max-new-tokens", "30", "--frequency-penalty", "0.7", LONG)[0]["ids"]
        self.assertLess(max(more.count(i) for i in more), most)
        request = {"input_ids": [5, 9, 1], "max_new_tokens": 30}
        none = {"presence_penalty": 0, "frequency_penalty": 0, "relative_frequency_penalty": 0}
        plain, same, other = self.by_ids([request, {**request, **none}, {**request, "relative_frequency_penalty": 50}])
        self.assertEqual(plain, same)
        self.assertNotEqual(plain, other)

    def test_max_time(self):
        for beams in ("1", "3"):
            one = self.objects("--json", "--max-time", "0", "--max-new-tokens", "1000", "--beams", beams, LONG)[0]
            self.assertEqual((len(one["ids"]), one["finish_reason"]), (2, "length"))
        self.assertEqual(self.lines("--max-time", "100", TEXT), [ANSWER])
        self.refuse("max_time: -1", "--max-time", "-1", TEXT)

    def test_spaces(self):
        def texts(*more):
            options = ("--temperature", "8", "--top-k", "0", "--num-return-sequences", "16", "--max-new-tokens", "200", "--json", *more)
            return [text["text"] for seed in range(3) for text in self.objects(*options, "--seed", str(seed), TEXT)]

        plain, clean = texts(), texts("--clean-up-spaces")
        self.assertNotEqual(plain, clean)
        self.assertEqual([text.replace(" .", ".").replace(" ,", ",") for text in plain], clean)

    def test_bytes_that_are_no_characters(self):
        """They count as U+FFFD, as everywhere in this program."""
        broken, replaced = self.lines(stdin=b"old \xff fish\nold \xef\xbf\xbd fish\n")
        self.assertEqual(broken, replaced)

    def test_progress_is_on_standard_error(self):
        result = self.generate("--max-new-tokens", "2", stdin=(TEXT + "\n").encode() * 3)
        self.assertEqual(result.stdout.count(b"\n"), 3)
        self.assertNotIn(b"\r", result.stdout)


class ContractTest(GenerateCase):
    def test_ids_are_those_of_transformers(self):
        for model in ("v1_1", "plain_gelu"):
            cases = [case for case in GOLDEN if case["model"] == model]
            self.assertGreater(len(cases), 20)
            found = self.by_ids([{"input_ids": case["input_ids"], **case["options"]} for case in cases], model=T5 / model)
            for case, answer in zip(cases, found):
                with self.subTest(model=model, options=case["options"]):
                    sequences = answer.get("sequences", [answer["ids"]])
                    self.assertEqual(answer["ids"], sequences[0])
                    self.assertEqual(sequences, case["sequences"])
                    self.assertTrue(math.isfinite(answer["score"]))
                    self.assertEqual("sequences" in answer, case["options"].get("num_return_sequences", 1) > 1)

    @unittest.skipUnless(SHARED.exists(), "no shared test data (MINNOW_DATA)")
    def test_shared_fixture(self):
        cases = json.loads((SHARED / "expected.json").read_text())
        decodings = {"greedy": {}, "beam4": {"num_beams": 4}, "beam4_lp": {"num_beams": 4, "length_penalty": 2.0, "early_stopping": True},
                     "beam4_ngram": {"num_beams": 4, "no_repeat_ngram_size": 2}, "greedy_rep": {"repetition_penalty": 1.5},
                     "greedy_min": {"min_new_tokens": 20}}
        for name, options in decodings.items():
            requests = [{"input_ids": case["input_ids"], "max_new_tokens": 24, **options} for case in cases]
            found = self.by_ids(requests, model=SHARED / "hf")
            self.assertEqual([answer["ids"] for answer in found], [case[name] for case in cases], name)
        requests = [{"input_ids": case["input_ids"], "max_new_tokens": 24} for case in cases]
        found = self.by_ids(requests, "--dtype", "bf16", model=SHARED / "hf")
        self.assertEqual([answer["ids"] for answer in found], [case["greedy"] for case in cases])


class BadInputTest(GenerateCase):
    def test_lines(self):
        self.refuse("5001 tokens, limit 4096", "fish " * 5000)
        self.lines("--truncate", "keep-end", "--max-new-tokens", "2", "fish " * 5000)
        self.refuse("line 1: ", "--json-input", stdin=b"not json\n")

    def test_ids(self):
        def refuse(words, line):
            self.refuse(words, "--input-ids", "--json", stdin=line if isinstance(line, bytes) else json.dumps(line).encode())

        refuse('line 1: unknown field "beams"', {"input_ids": [5, 1], "beams": 4})
        refuse("line 1: token id 72 is not in [0, 72)", {"input_ids": [5, 72]})
        refuse("input_ids[0]: expected ", {"input_ids": [-1]})
        refuse("input_ids[0]: expected ", {"input_ids": ["a"]})
        refuse("input_ids[0]: expected ", {"input_ids": [1 << 40]})
        refuse("line 1: no tokens", {"input_ids": []})
        refuse("input_ids: expected ", {"input_ids": "text"})
        refuse("input_ids", {"inputs": [1]})
        refuse("line 1: expected an object", [5, 1])
        refuse("line 1: ", b"{\"input_ids\": [1")
        refuse("line 1: ", b"\xff\n")
        refuse("num_beams: 17, expected 1 to 16", {"input_ids": [5, 1], "num_beams": 17})
        refuse("max_new_tokens: 100000, expected 1 to 1023", {"input_ids": [5, 1], "max_new_tokens": 100000})
        refuse("max_new_tokens: expected ", {"input_ids": [5, 1], "max_new_tokens": "many"})
        refuse("num_return_sequences: 2, limit 1 without do_sample", {"input_ids": [5, 1], "num_return_sequences": 2})
        refuse("num_beam_groups: groups of diverse beams are not supported", {"input_ids": [5, 1], "num_beam_groups": 2})
        refuse("temperature: 0, expected more than 0", {"input_ids": [5, 1], "do_sample": True, "temperature": 0})
        refuse("presence_penalty: 1e+07", {"input_ids": [5, 1], "presence_penalty": 1e7})
        refuse("100000 tokens, limit 4096", {"input_ids": [5] * 100000})

    def test_usage(self):
        self.refuse("--json", "--input-ids", stdin=b"{}", code=USAGE)
        self.refuse("--beams", "--beams", "0", TEXT, code=USAGE)
        self.refuse("from 1 to 16", "--beams", "17", TEXT, code=USAGE)
        self.refuse("from 1 to 16", "--num-return-sequences", "17", TEXT, code=USAGE)
        self.refuse("--top-p", "--top-p", "1.5", TEXT, code=USAGE)
        self.refuse("--nope", "--nope", TEXT, code=USAGE)
        self.refuse("--truncate", "--truncate", "maybe", TEXT, code=USAGE)
        self.assertEqual(run("generate", "x", env={"MINNOW_MODEL": ""}).returncode, USAGE)

    def test_models(self):
        self.refuse("/nowhere", TEXT, model="/nowhere")
        self.refuse("model_type", TEXT, model=TINY)
        self.refuse("the model has no tokenizer: it takes token ids only", TEXT, model=T5 / "v1_1")
        self.refuse("int8", "--dtype", "int8", TEXT, model=self.packed("bf16"))

    def packed(self, dtype):
        path = self.folder / f"{dtype}.minnow"
        result = run("pack", "--model", self.model, "-o", str(path), "--dtype", dtype, "--embedding-dtype", "fp32")
        self.assertEqual(result.returncode, DONE, result.stderr.decode())
        return path

    def test_packed_models(self):
        for dtype in ("fp32", "bf16", "int8"):
            packed = self.packed(dtype)
            self.assertEqual(self.objects("--json", TEXT, LONG, model=packed),
                             self.objects("--json", "--dtype", dtype, TEXT, LONG))
            whole = packed.read_bytes()
            packed.write_bytes(whole[:len(whole) // 2])
            self.refuse(packed.name, TEXT, model=packed)


def read_tensors(model):
    """Of a safetensors file in fp32: name -> (shape, list of floats)."""
    data = (pathlib.Path(model) / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            tensors[name] = (entry["shape"], list(struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])))
    return tensors


def write_tensors(folder, tensors):
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * len(values)]}
        data += struct.pack(f"<{len(values)}f", *values)
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


class DamagedTest(GenerateCase):
    REQUESTS = [{"input_ids": case["input_ids"], **case["options"]} for case in GOLDEN[:3]]

    def copy(self, name):
        folder = self.folder / f"copy_{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copy(T5 / name / "config.json", folder)
        return folder, read_tensors(T5 / name)

    def test_cut_weights(self):
        folder, _ = self.copy("v1_1")
        whole = (T5 / "v1_1/model.safetensors").read_bytes()
        for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
            (folder / "model.safetensors").write_bytes(whole[:size])
            self.refuse("model.safetensors", "--input-ids", "--json", stdin=b'{"input_ids":[5,1]}', model=folder)
        (folder / "model.safetensors").unlink()
        self.refuse("safetensors", "--input-ids", "--json", stdin=b'{"input_ids":[5,1]}', model=folder)

    def test_every_subset_of_the_tables_names(self):
        for name, tied in (("plain_gelu", True), ("v1_1", False)):
            folder, tensors = self.copy(name)
            table, output = tensors["shared.weight"], tensors.get("lm_head.weight", tensors["shared.weight"])
            expected = self.by_ids(self.REQUESTS, model=T5 / name)
            for subset in range(16):
                chosen = [alias for i, alias in enumerate(ALIASES) if subset >> i & 1]
                rest = {key: value for key, value in tensors.items() if key not in ALIASES}
                write_tensors(folder, {**rest, **{alias: output if alias == "lm_head.weight" else table for alias in chosen}})
                with self.subTest(model=name, names=chosen):
                    if chosen and (tied or chosen != ["lm_head.weight"]):
                        found = self.by_ids(self.REQUESTS, model=folder)
                        if tied or "lm_head.weight" in chosen:
                            self.assertEqual(found, expected)
                    else:
                        self.refuse('"shared.weight"', "--input-ids", "--json", stdin=b'{"input_ids":[5,1]}', model=folder)

    def test_missing_weights_are_named(self):
        folder, tensors = self.copy("v1_1")
        for name in ("encoder.final_layer_norm.weight", "decoder.block.1.layer.1.EncDecAttention.k.weight",
                     "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"):
            write_tensors(folder, {key: value for key, value in tensors.items() if key != name})
            self.refuse(name, "--input-ids", "--json", stdin=b'{"input_ids":[5,1]}', model=folder)

    def test_not_a_number(self):
        """Whatever is reached by it is told; an answer that comes is made of other weights."""
        folder, tensors = self.copy("v1_1")
        right = self.by_ids(self.REQUESTS, model=T5 / "v1_1")
        for value in (math.nan, math.inf, -math.inf):
            for name in ("encoder.block.0.layer.0.SelfAttention.q.weight", "decoder.block.2.layer.2.DenseReluDense.wo.weight",
                         "shared.weight", "lm_head.weight", "decoder.final_layer_norm.weight"):
                shape, values = tensors[name]
                for broken in ([value] * len(values), [value] + values[1:]):
                    write_tensors(folder, {**tensors, name: (shape, broken)})
                    for dtype in ("fp32", "bf16", "int8"):
                        stdin = "".join(json.dumps(request) + "\n" for request in self.REQUESTS).encode()
                        result = self.generate("--input-ids", "--json", "--dtype", dtype, stdin=stdin, model=folder)
                        with self.subTest(value=value, name=name, dtype=dtype, all=broken[-1] == value):
                            self.assertIn(result.returncode, (DONE, FAILED), result.stderr)
                            if result.returncode == FAILED:
                                self.assertRegex(result.stderr.decode(), "finite|damaged|infinity|not a number")
                            else:
                                found = [json.loads(line) for line in result.stdout.splitlines()]
                                self.assertEqual(len(found), len(right))
                                self.assertTrue(all(math.isfinite(answer["score"]) for answer in found), found)

    def test_sums_beyond_half_precision(self):
        """Whatever is added to the hidden states times a power of two: norms take it off again, to the bit but for epsilon."""
        folder, tensors = self.copy("v1_1")
        ends = ("SelfAttention.o.weight", "EncDecAttention.o.weight", "DenseReluDense.wo.weight")
        scaled = {name: (shape, [v * 2.0**20 for v in values] if name.endswith(ends) or name == "shared.weight" else values)
                  for name, (shape, values) in tensors.items()}
        write_tensors(folder, scaled)
        for dtype in ("fp32", "bf16", "int8"):
            right = self.by_ids(self.REQUESTS, "--dtype", dtype, model=T5 / "v1_1")
            found = self.by_ids(self.REQUESTS, "--dtype", dtype, model=folder)
            self.assertEqual([answer["ids"] for answer in found], [answer["ids"] for answer in right], dtype)


class InspectTest(GenerateCase):
    def test_says_what_it_is(self):
        text = run("inspect", self.model).stdout.decode()
        for line in ("  type            t5 (T5ForConditionalGeneration)", "  layers          2 of the encoder, 3 of the decoder",
                     "  hidden size     24, 4 heads of 4", "  feed-forward    40, gated gelu_tanh", "  tables          72 tokens",
                     "Text to text", "  start, end      0, 1", "  tasks           summarization, translation_en_to_de, translation_en_to_fr",
                     "  length limit    4,096 tokens in, 1,023 out", "  caches          384 B a token in, 384 B a token out of each beam",
                     "Served: yes"):
            self.assertIn(line + "\n", text)
        packed = self.folder / "inspected.minnow"
        self.assertEqual(run("pack", "--model", self.model, "-o", str(packed), "--dtype", "int8").returncode, DONE)
        result = run("inspect", "--json", "--verify", str(packed))
        self.assertEqual(result.returncode, DONE, result.stdout)
        report = json.loads(result.stdout)
        self.assertEqual((report["kind"], report["served"], report["sentence_vectors"]), ("text2text-generation", True, None))
        self.assertEqual(report["t5"]["num_decoder_layers"], 3)
        self.assertEqual(report["text_to_text"]["tasks"], ["summarization", "translation_en_to_de", "translation_en_to_fr"])
        self.assertEqual(report["text_to_text"]["max_new_tokens"], 1023)

    def test_a_model_without_a_tokenizer_is_served(self):
        report = json.loads(run("inspect", "--json", str(T5 / "umt5")).stdout)
        self.assertEqual((report["served"], report["kind"], report["tokenizer"]), (True, "text2text-generation", None))

    def test_what_is_missing_is_told(self):
        folder = self.folder / "missing"
        folder.mkdir()
        shutil.copy(T5 / "v1_1/config.json", folder)
        write_tensors(folder, {"shared.weight": ([72, 24], [0.0] * 72 * 24)})
        result = run("inspect", str(folder))
        self.assertEqual(result.returncode, FAILED)
        self.assertIn(b"Served: no", result.stdout)
        self.assertIn(b"encoder.block.0", result.stdout)


class BenchTest(GenerateCase):
    TIMES = r"min \d+\.\d\d median \d+\.\d\d ms"

    def test_prints_times(self):
        for dtype in ("fp32", "bf16", "int8"):
            for beams, batch, name in (("1", "1", "3->5 beams 1"), ("2", "1", "3->5 beams 2"), ("1", "4", "3->5 beams 1 batch 4")):
                result = run("bench", "generate", "--model", str(T5 / "v1_1"), "--dtype", dtype, "--input", "3", "--output", "5", "--beams",
                             beams, "--batch", batch, "--threads", "2", "--seconds", "0.01")
                self.assertEqual(result.returncode, DONE, result.stderr)
                first, second = result.stdout.decode().splitlines()
                self.assertRegex(first, f"^{re.escape(name)} {self.TIMES}$")
                self.assertRegex(second, r"^tokens/s \d+$")

    def test_wrong_input(self):
        for arguments, code, words in ((("--model", "/nowhere"), FAILED, "/nowhere"), (("--model", TINY), FAILED, "model_type"),
                                       (("--model", str(T5 / "v1_1"), "--beams", "17"), USAGE, "--beams"),
                                       (("--model", str(T5 / "v1_1"), "--output", "0"), USAGE, "--output")):
            result = run("bench", "generate", *arguments)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn(words, result.stderr.decode())


if __name__ == "__main__":
    unittest.main()
