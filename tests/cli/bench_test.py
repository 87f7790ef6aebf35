# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of minnow bench and minnow cpu --measure: what they print, and what they refuse."""
import json
import pathlib
import random
import re
import struct
import tempfile
import unittest

from program import FIXTURES, TINY, run

DONE, FAILED, USAGE = 0, 1, 2
CONFIG = str(FIXTURES / "tiny_bert/config.json")
TIMES = r"min (\d+\.\d\d) median (\d+\.\d\d) ms"


class BenchTest(unittest.TestCase):
    def assert_error(self, result, code, *parts):
        message = result.stderr.decode()
        self.assertEqual(result.returncode, code, message)
        self.assertTrue(message.startswith("minnow: "), message)
        for part in parts:
            self.assertIn(part, message)
        self.assertEqual(result.stdout, b"")

    def lines(self, *arguments, **options):
        result = run(*arguments, **options)
        self.assertEqual(result.returncode, DONE, result.stderr.decode())
        return result.stdout.decode().splitlines()


class EncoderTest(BenchTest):
    def test_shapes_of_a_model_and_of_a_config(self):
        for source in (("--model", TINY), ("--config", CONFIG)):
            for dtype in ("fp32", "bf16", "int8"):
                with self.subTest(source=source, dtype=dtype):
                    lines = self.lines("bench", "encoder", *source, "--dtype", dtype, "--seconds", "0.01",
                                       "--shape", "1x3", "2x8")
                    self.assertRegex(lines[0], f"^1x3 {TIMES}$")
                    self.assertRegex(lines[1], f"^2x8 {TIMES}$")
                    self.assertRegex(lines[2], r"^memory peak \d+\.\d MB$")
                    self.assertEqual(len(lines), 3)

    def test_a_config_needs_no_model(self):
        self.lines("bench", "encoder", "--config", CONFIG, "--seconds", "0.01", "--lengths", "3,1,5",
                   env={"MINNOW_MODEL": "/nowhere"})

    def test_a_large_word_table_takes_no_memory(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "config.json"
            path.write_text(json.dumps({**json.loads(pathlib.Path(CONFIG).read_text()), "vocab_size": 1_000_000,
                                        "hidden_size": 512, "num_attention_heads": 8}))
            lines = self.lines("bench", "encoder", "--config", str(path), "--dtype", "int8", "--seconds", "0.01",
                               "--shape", "1x3")
        # The table has 512 MB.
        self.assertLess(float(re.search(r"[\d.]+", lines[-1])[0]), 400)

    def test_wrong_input(self):
        with tempfile.TemporaryDirectory() as folder:
            broken = pathlib.Path(folder) / "config.json"
            broken.write_text('{"model_type": "bert", "hidden_size": -1}')
            for arguments, code, parts in (
                    (("--shape", "1x3"), USAGE, ("--model",)),
                    (("--config", str(broken)), FAILED, (str(broken),)),
                    (("--config", "/nowhere/config.json"), FAILED, ("/nowhere/config.json",)),
                    (("--config", CONFIG, "--dtype", "fp8"), USAGE, ("fp8",)),
                    (("--config", CONFIG, "--shape", "1x"), FAILED, ("1x",)),
                    (("--config", CONFIG, "--shape", "1x100000"), FAILED, ("100000",)),
                    (("--config", CONFIG, "--threads", "0"), USAGE, ("--threads",))):
                with self.subTest(arguments):
                    self.assert_error(run("bench", "encoder", *arguments), code, *parts)


class BulkTest(BenchTest):
    def test_counts_texts_and_tokens(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "lines.txt"
            path.write_text("a sentence\n\nanother one\n" * 500)
            for threads in ("1", "3"):
                line, = self.lines("bench", "bulk", str(path), "--model", TINY, "--threads", threads)
                match = re.fullmatch(r"1500 texts (\d+) tokens \d+\.\d{3} s: \d+ texts/s \d+ tokens/s \(fp32, (\d) threads\)", line)
                self.assertTrue(match, line)
                tokens = [json.loads(t) for t in self.lines("tokenize", "--model", TINY, stdin=path.read_bytes())]
                self.assertEqual(int(match[1]), sum(len(t["ids"]) for t in tokens))
                self.assertEqual(match[2], threads)

    def test_wrong_input(self):
        with tempfile.TemporaryDirectory() as folder:
            empty = pathlib.Path(folder) / "empty.txt"
            empty.write_text("")
            self.assert_error(run("bench", "bulk", str(empty), "--model", TINY), FAILED, "empty.txt", "no lines")
            self.assert_error(run("bench", "bulk", folder, "--model", TINY), FAILED, folder)
            self.assert_error(run("bench", "bulk", folder + "/none", "--model", TINY), FAILED, "/none")
            self.assert_error(run("bench", "bulk", str(empty)), USAGE, "--model")
            self.assert_error(run("bench", "bulk", "--model", TINY), USAGE, "FILE")


class StartupTest(BenchTest):
    def test_times_of_processes(self):
        lines = self.lines("bench", "startup", "--model", TINY, "--runs", "3", "--text", "--a text that starts with a dash")
        first, last = (re.fullmatch(f"{name} {TIMES}", line) for name, line in zip(("first vector", "exit"), lines))
        self.assertTrue(first and last, lines)
        self.assertGreater(float(first[1]), 0)
        self.assertLessEqual(float(first[1]), float(last[1]))

    def test_wrong_input(self):
        failed = run("bench", "startup", "--model", "/nowhere", "--runs", "3")
        self.assert_error(failed, FAILED, "/nowhere", "failed")
        self.assertLess(failed.stderr.count(b"\n"), 3, "it goes on after the first failure")
        self.assert_error(run("bench", "startup", "--model", TINY, "--runs", "0"), USAGE, "--runs")


class IndexTest(BenchTest):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name) / "vectors.f32"
        values = random.Random(3)
        self.path.write_bytes(b"".join(struct.pack("<8f", *(values.gauss(0, 1) for _ in range(8)))
                                       for _ in range(320)))

    def report(self, *options):
        lines = self.lines("bench", "index", str(self.path), "--dimensions", "8", "--queries", "20", "--rounds", "2", "--json",
                           *options)
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def test_latency_recall_and_file(self):
        for options, rows in (((), 300), (("--rows", "5000", "--noise", "0.3"), 5000), (("--rows", "100", "--threads", "2"), 100)):
            with self.subTest(options=options):
                report = self.report("--exact", "--filter-every", "5", *options)
                self.assertEqual(report["rows"], rows)
                self.assertEqual(set(report["searches"]), {"memory", "file", "filter", "exact"})
                for search in report["searches"].values():
                    self.assertGreater(search["recall"], 0.9)
                    self.assertLessEqual(search["median_ms"], search["p99_ms"])
                self.assertEqual(report["searches"]["exact"]["recall"], 1)

    def test_a_kept_sidecar_and_text(self):
        sidecar = pathlib.Path(self.folder.name) / "kept"
        lines = self.lines("bench", "index", str(self.path), "--dimensions", "8", "--queries", "20", "--sidecar", str(sidecar))
        self.assertRegex(lines[0], "^300 rows of 8, 1 lists, 20 queries for 10, 1 threads$")
        self.assertTrue(sidecar.read_bytes().startswith(b"MINNOWVX"))

    def test_wrong_input(self):
        self.assert_error(run("bench", "index", "/nowhere"), FAILED, "/nowhere")
        self.assert_error(run("bench", "index", str(self.path), "--dimensions", "7"), FAILED, str(self.path), "28")
        self.assert_error(run("bench", "index", str(self.path), "--dimensions", "8"), FAILED, "500")
        self.assert_error(run("bench", "index", str(self.path), "--dimensions", "0"), USAGE, "--dimensions")
        self.assert_error(run("bench", "index"), USAGE, "VECTORS")


class MeasureTest(BenchTest):
    def test_figures_of_one_core(self):
        described = json.loads(run("cpu", "--json", "--measure").stdout)
        peaks = described["peaks"]
        self.assertGreater(peaks["read_gb_per_s"], 0)
        if described["kernels"] != "scalar":
            self.assertGreater(peaks["fp32_gflops"], 0)
        if peaks["int8_gops"] is not None:
            self.assertGreater(peaks["int8_gops"], peaks["fp32_gflops"] / 2)
        self.assertIn("GB/s", run("cpu", "--measure").stdout.decode())
        self.assertNotIn("peaks", json.loads(run("cpu", "--json").stdout))

    def test_what_is_not_measured_has_no_figure(self):
        peaks = json.loads(run("cpu", "--json", "--measure", env={"MINNOW_ISA": "scalar"}).stdout)["peaks"]
        self.assertIsNone(peaks["fp32_gflops"])


if __name__ == "__main__":
    unittest.main()
