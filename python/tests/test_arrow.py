# SPDX-License-Identifier: Apache-2.0
"""encode_arrow: columns of every kind of string, nulls, chunks, slices; numbers that cannot be; who owns what."""
import gc
import struct
import unittest

import arrow
import minnow
import numpy as np
from arrow import Chunks, Column
from support import TEXTS, TINY


class ArrowTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = minnow.Model(TINY, threads=2)
        cls.expected = cls.model.encode(TEXTS).tolist()
        cls.size = cls.model.info["embedding_size"]

    def encode(self, column, **options):
        return arrow.take(self.model.encode_arrow(column, **options))[0]

    def test_each_kind_of_string(self):
        for format in ("u", "U", "vu"):
            with self.subTest(format=format):
                self.assertEqual(self.encode(Column.of(TEXTS, format)), self.expected)
                self.assertEqual(self.encode(Column.of(TEXTS, format, offset=3)), self.expected[3:])
                self.assertEqual(self.encode(Column.of([], format)), [])

    def test_chunks(self):
        chunks = [Column.of(TEXTS[:4]), Column.of([]), Column.of(TEXTS[2:], offset=2)]
        self.assertEqual(self.encode(Chunks("u", chunks)), self.expected)
        self.assertEqual(self.encode(Chunks("u", [])), [])

    def test_nulls_stay_null(self):
        texts = [None, *TEXTS[:3], None, *TEXTS[3:], None]
        expected = [None, *self.expected[:3], None, *self.expected[3:], None]
        for format in ("u", "U", "vu"):
            with self.subTest(format=format):
                self.assertEqual(self.encode(Column.of(texts, format)), expected)
        self.assertEqual(self.encode(Chunks("u", [Column.of(TEXTS), Column.of(texts, offset=1)])), self.expected + expected[1:])
        self.assertEqual(self.encode(Column("n", [], 3)), [None] * 3)
        no_bitmap = arrow.utf8_buffers(TEXTS)
        no_bitmap[0] = None
        self.assertEqual(self.encode(Column("u", no_bitmap, len(TEXTS), null_count=0)), self.expected)

    def test_options(self):
        rows = self.encode(Column.of(TEXTS), truncate_dim=3, normalize_embeddings=False)
        self.assertEqual(rows, self.model.encode(TEXTS, truncate_dim=3, normalize_embeddings=False).tolist())

    def test_columns_are_given_back(self):
        arrow.RELEASED.clear()
        self.model.encode_arrow(Chunks("u", [Column.of(TEXTS), Column.of(TEXTS[:2])]))
        self.assertEqual(sorted(arrow.RELEASED), [2, len(TEXTS)])

    def test_vectors_outlive_all_and_are_not_copied(self):
        vectors = self.model.encode_arrow(Column.of(TEXTS))
        as_numpy = np.asarray(vectors)
        rows, address = arrow.take(vectors)
        self.assertEqual(address, as_numpy.ctypes.data)
        del vectors
        gc.collect()
        self.assertEqual(as_numpy.tolist(), self.expected)

    def test_capsules_that_nobody_takes(self):
        vectors = self.model.encode_arrow(Column.of(TEXTS * 100))
        for _ in range(1000):
            vectors.__arrow_c_array__(requested_schema=None)
            vectors.__arrow_c_schema__()
        self.assertEqual(len(arrow.take(vectors)[0]), len(TEXTS) * 100)

    def test_what_is_no_column_of_strings(self):
        good = arrow.utf8_buffers(TEXTS)
        for column, error, words in (
                (["a"], TypeError, "expected an Arrow column"), (5, TypeError, "expected an Arrow column"),
                (Column("i", [None, b"\0" * 8], 2), ValueError, 'got Arrow\'s format "i"'),
                (Chunks("+s", []), ValueError, "a table: give one column"),
                (Chunks("+s", [Column("+s", [None], 1)]), ValueError, "a table: give one column"),
                (Column("i", [None, b"\0" * 8], 2, dictionary=True), ValueError, "a dictionary .categories, enumerations.: cast it"),
                (Chunks("u", [Column.of(TEXTS)], fails_at=1), ValueError, "the disk is full")):
            with self.subTest(words=words), self.assertRaisesRegex(error, words):
                self.model.encode_arrow(column)
        spent = Column.of(TEXTS)
        self.model.encode_arrow(spent)
        with self.assertRaisesRegex(ValueError, "released already"):
            self.model.encode_arrow(spent)

    def test_numbers_that_cannot_be(self):
        valid, offsets, data = arrow.utf8_buffers(["the cat", "sat"])
        backwards = struct.pack("<3i", 0, 7, 3)
        negative = struct.pack("<3i", -5, 7, 9)
        for buffers, length, options in (
                ([valid, backwards, data], 2, {}), ([valid, negative, data], 2, {}), ([valid, None, data], 2, {}),
                ([valid, offsets, None], 2, {}), ([valid, offsets], 2, {}), ([valid, offsets, data], -1, {}),
                ([valid, offsets, data], 2, {"offset": -1}), ([valid, offsets, data], 1 << 62, {"offset": 1 << 62}),
                ([], 2, {})):
            with self.subTest(buffers=buffers, length=length), self.assertRaisesRegex(ValueError, "^column: "):
                self.model.encode_arrow(Column("u", buffers, length, **options))

    def test_views_outside_of_their_buffers(self):
        long = "a text that is longer than twelve bytes"
        valid, views, *rest = arrow.view_buffers([long])
        for buffer, offset, length in ((2, 0, 39), (-1, 0, 39), (0, 1, 39), (0, -1, 39), (0, 0, 1 << 30), (0, 0, -1), (0, 1 << 30, 39)):
            view = struct.pack("<i4sii", length, b"a te", buffer, offset)
            with self.subTest(view=(buffer, offset, length)), self.assertRaisesRegex(ValueError, r"^column: string 0 "):
                self.model.encode_arrow(Column("vu", [valid, view, *rest], 1))
        with self.assertRaisesRegex(ValueError, "3 or more buffers"):
            self.model.encode_arrow(Column("vu", [valid, views], 1))

    def test_pyarrow(self):
        try:
            import pyarrow as pa
        except ImportError:
            self.skipTest("pyarrow is not installed")
        texts = [*TEXTS, None]
        for column in (pa.array(texts), pa.array(texts, pa.large_string()), pa.chunked_array([texts[:3], texts[3:]])):
            vectors = self.model.encode_arrow(column)
            self.assertEqual(vectors.type, pa.list_(pa.float32(), self.size))
            self.assertEqual(vectors.to_pylist(), [*self.expected, None])
            vectors.validate(full=True)


if __name__ == "__main__":
    unittest.main()
