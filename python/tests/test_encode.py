# SPDX-License-Identifier: Apache-2.0
"""Vectors: the program's bits whatever the batch and the threads, shapes, options, and what is refused."""
import gc
import io
import contextlib
import pickle
import struct
import types
import unittest

import minnow
import numpy as np
from support import FIXTURES, REAL, TEXTS, TINY, ModelCase, needs_real_model, rows, run, shell_vectors

PACKED = FIXTURES / "packed_v4/tiny_bert_int8_int8.minnow"


class SameBitsTest(ModelCase):
    def test_shell_batches_and_threads(self):
        for model in (TINY, PACKED, FIXTURES / "packed_v4/tiny_roberta_fp32_fp32.minnow"):
            expected = shell_vectors(model, TEXTS)
            for threads in (1, 2, 3):
                with self.subTest(model=str(model), threads=threads):
                    m = minnow.Model(model, threads=threads)
                    self.assertEqual(rows(m.encode(TEXTS)), expected)
                    self.assertEqual(rows(m.encode(TEXTS * 40)), expected * 40)
                    self.assertEqual([m.encode(text).tobytes() for text in TEXTS], expected)
                    self.assertEqual(rows(m.encode(TEXTS[::-1])), expected[::-1])

    def test_dtype(self):
        self.assertEqual(rows(minnow.Model(TINY, dtype="int8").encode(TEXTS)), shell_vectors(TINY, TEXTS, "--dtype", "int8"))

    @needs_real_model
    def test_real_model(self):
        packed = self.folder / "int8.minnow"
        self.assertEqual(run("pack", "--model", str(REAL), "--dtype", "int8", "-o", str(packed), timeout=300).returncode, 0)
        texts = [f"{text} {i}" for i in range(60) for text in TEXTS]
        for model in (REAL, packed):
            expected = shell_vectors(model, texts)
            for threads in (1, 2):
                self.assertEqual(rows(minnow.Model(model, threads=threads).encode(texts)), expected)

    def test_not_normalized(self):
        m = minnow.Model(TINY)
        self.assertEqual(rows(m.encode(TEXTS, normalize_embeddings=False)), shell_vectors(TINY, TEXTS, "--normalize", "false"))


class ShapeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = minnow.Model(TINY, threads=1)
        cls.size = cls.model.info["embedding_size"]

    def test_shapes(self):
        encode = self.model.encode
        for texts in (["a", "b"], ("a", "b"), np.array(["a", "b"]), (t for t in "ab"), {"a": 1, "b": 2}.keys()):
            vectors = encode(texts)
            self.assertEqual((vectors.shape, vectors.dtype), ((2, self.size), np.float32))
        self.assertEqual(encode([]).shape, (0, self.size))
        self.assertEqual(encode([]).dtype, np.float32)
        self.assertEqual(encode("a").shape, (self.size,))
        self.assertEqual(self.model.get_sentence_embedding_dimension(), self.size)

    def test_memory_is_the_results_own(self):
        m = minnow.Model(TINY)
        vectors = m.encode(TEXTS)
        before = vectors.copy()
        row = vectors[3]
        del m
        gc.collect()
        np.testing.assert_array_equal(vectors, before)
        del vectors
        gc.collect()
        np.testing.assert_array_equal(row, before[3])
        row[:] = 0  # it can be written to

    def test_results_are_given_back(self):
        m = minnow.Model(TINY, threads=1)
        texts = ["a"] * 20000
        m.encode(texts)

        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * 4096

        begin = resident()
        for _ in range(20):
            m.encode(texts)
        self.assertLess(resident() - begin, 10 * len(texts) * self.size * 4)

    def test_truncate_dim(self):
        whole = self.model.encode(TEXTS, normalize_embeddings=False)
        cut = self.model.encode(TEXTS, normalize_embeddings=False, truncate_dim=7)
        np.testing.assert_array_equal(cut, whole[:, :7])
        unit = self.model.encode(TEXTS, truncate_dim=7)
        np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
        np.testing.assert_array_equal(self.model.encode(TEXTS, truncate_dim=self.size), self.model.encode(TEXTS))
        for wrong in (0, -1, self.size + 1):
            with self.assertRaisesRegex(ValueError, f"truncate_dim: {wrong}"):
                self.model.encode(TEXTS, truncate_dim=wrong)

    def test_precision(self):
        vectors = self.model.encode(TEXTS)
        bits = np.packbits(vectors > 0, axis=-1)
        np.testing.assert_array_equal(self.model.encode(TEXTS, precision="ubinary"), bits)
        binary = self.model.encode(TEXTS, precision="binary")
        self.assertEqual(binary.dtype, np.int8)
        np.testing.assert_array_equal(binary.astype(np.int16) + 128, bits)
        for wrong in ("int8", "uint8", "float16"):
            with self.assertRaisesRegex(ValueError, f"precision: '{wrong}' is not \"float32\""):
                self.model.encode(TEXTS, precision=wrong)

    def test_progress(self):
        for shown, words in ((True, "4000"), (None, ""), (False, "")):
            stream = io.StringIO()
            with contextlib.redirect_stderr(stream):
                self.model.encode(["a"] * 4000, show_progress_bar=shown)
            self.assertIn(words, stream.getvalue())
            self.assertEqual(bool(stream.getvalue()), bool(shown))


class PromptTest(ModelCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        import json
        import shutil
        cls.path = cls.folder / "prompted"
        shutil.copytree(TINY, cls.path)
        (cls.path / "config_sentence_transformers.json").write_text(
            json.dumps({"prompts": {"query": "the cat ", "document": "the dog "}, "default_prompt_name": "query"}))
        cls.model = minnow.Model(cls.path)

    def test_choice(self):
        encode = self.model.encode
        plain = rows(minnow.Model(TINY).encode(["the cat sat", "the dog sat", "sat"]))
        self.assertEqual(encode("sat").tobytes(), plain[0])
        self.assertEqual(encode("sat", prompt_name="query").tobytes(), plain[0])
        self.assertEqual(encode("sat", prompt_name="document").tobytes(), plain[1])
        self.assertEqual(encode("sat", prompt="the dog ").tobytes(), plain[1])
        self.assertEqual(encode("sat", prompt="").tobytes(), plain[2])
        self.assertEqual(self.model.encode_query("sat").tobytes(), plain[0])
        self.assertEqual(self.model.encode_document("sat").tobytes(), plain[1])
        self.assertEqual(self.model.encode_document("sat", prompt_name="query").tobytes(), plain[0])
        self.assertEqual(shell_vectors(self.path, ["sat"], "--prompt-name", "document"), plain[1:2])
        self.assertEqual(self.model.info["prompts"], {"query": "the cat ", "document": "the dog "})
        with self.assertRaisesRegex(ValueError, "prompt_name: \"passage\" is not one of this model's"):
            encode("sat", prompt_name="passage")


class WrongTest(ModelCase):
    def test_texts(self):
        m = minnow.Model(TINY)
        for texts, error, words in (
                (["a", 5], TypeError, r"texts\[1\]: expected str, got int"),
                (["a", None], TypeError, r"texts\[1\]: expected str, got NoneType"),
                ([b"a"], TypeError, r"texts\[0\]: expected str, got bytes"),
                (b"a", TypeError, "texts: expected str or a list of str, got bytes"),
                (5, TypeError, "texts: expected str or a list of str, got int"),
                ({"a": 1}, TypeError, "texts: expected str or a list of str, got dict"),
                (types.SimpleNamespace(columns=["a"]), TypeError, "texts: expected str or a list of str, got SimpleNamespace"),
                (["a", "b", "x\ud800y"], ValueError, r"texts\[2\]: character 1 is half of a surrogate pair"),
                ("\udfff", ValueError, r"texts\[0\]: character 0")):
            with self.subTest(texts=repr(texts)), self.assertRaisesRegex(error, words):
                m.encode(texts)
        self.assertEqual(m.encode("the cat").shape, (m.info["embedding_size"],))  # as before

    def test_options(self):
        m = minnow.Model(TINY)
        for options, error, words in (({"batch_size": 0}, ValueError, "batch_size: 0"), ({"batch_size": 1.5}, TypeError, "batch_size"),
                                      ({"truncate_dim": "7"}, TypeError, "truncate_dim"), ({"device": "cpu"}, TypeError, "device"),
                                      ({"prompt": 5}, TypeError, "")):
            with self.subTest(options=options), self.assertRaisesRegex(error, words):
                m.encode("a", **options)

    def test_paths(self):
        damaged = self.folder / "damaged.minnow"
        damaged.write_bytes(PACKED.read_bytes()[:5000])
        (self.folder / "nothing").mkdir()
        for path, error, words in ((self.folder / "none", FileNotFoundError, "none: "), (self.folder / "nothing", FileNotFoundError, "config.json"),
                                   (damaged, ValueError, "damaged.minnow"), ("", ValueError, "path: empty"), ("a\0b", ValueError, "")):
            with self.subTest(path=str(path)), self.assertRaisesRegex(error, words):
                minnow.Model(path)
        for threads, error in ((0, ValueError), (-1, ValueError), (2000, ValueError), ("2", TypeError)):
            with self.subTest(threads=threads), self.assertRaisesRegex(error, "threads"):
                minnow.Model(TINY, threads=threads)
        with self.assertRaisesRegex(ValueError, "dtype|precision|int4"):
            minnow.Model(TINY, dtype="int4")

    def test_weights_that_are_no_numbers(self):
        import shutil
        path = self.folder / "nan"
        shutil.copytree(TINY, path)
        weights = path / "model.safetensors"
        data = weights.read_bytes()
        begin = 8 + struct.unpack("<Q", data[:8])[0]
        weights.write_bytes(data[:begin] + struct.pack("<f", float("nan")) * ((len(data) - begin) // 4))
        with self.assertRaisesRegex(ValueError, "not finite"):
            minnow.Model(path).encode(["the cat"])

    def test_memory(self):
        from support import run_python
        run_python("""if True:
            import resource, sys, minnow
            m = minnow.Model(sys.argv[1], threads=1)
            m.encode("a")
            texts = ["a"] * 4_000_000
            with open("/proc/self/statm") as file:
                mapped = int(file.read().split()[0]) * 4096
            resource.setrlimit(resource.RLIMIT_AS, (mapped + (200 << 20),) * 2)
            try:
                m.encode(texts)
            except MemoryError:
                pass
            else:
                raise SystemExit("no MemoryError")
            assert m.encode(["a"]).shape[0] == 1
        """, TINY)


class PickleTest(unittest.TestCase):
    def test_path_and_arguments(self):
        m = minnow.Model(PACKED, threads=2)
        data = pickle.dumps(m)
        self.assertLess(len(data), 1000)
        again = pickle.loads(data)
        self.assertEqual(again.info, m.info)
        self.assertEqual(rows(again.encode(TEXTS)), rows(m.encode(TEXTS)))
        self.assertEqual(pickle.loads(pickle.dumps(minnow.Model(TINY, dtype="bf16"))).info["dtype"], "bf16")


if __name__ == "__main__":
    unittest.main()
