# SPDX-License-Identifier: Apache-2.0
"""The Arrow C data interface by ctypes: columns to give, vectors to take. Structures as its specification has them."""
import ctypes
import struct

c = ctypes
P = c.c_void_p


class Schema(c.Structure):
    pass


class Array(c.Structure):
    pass


class Stream(c.Structure):
    pass


RELEASE_SCHEMA = c.CFUNCTYPE(None, c.POINTER(Schema))
RELEASE_ARRAY = c.CFUNCTYPE(None, c.POINTER(Array))
RELEASE_STREAM = c.CFUNCTYPE(None, c.POINTER(Stream))
GET_SCHEMA = c.CFUNCTYPE(c.c_int, c.POINTER(Stream), c.POINTER(Schema))
GET_NEXT = c.CFUNCTYPE(c.c_int, c.POINTER(Stream), c.POINTER(Array))
GET_ERROR = c.CFUNCTYPE(c.c_char_p, c.POINTER(Stream))

Schema._fields_ = [("format", c.c_char_p), ("name", c.c_char_p), ("metadata", c.c_char_p), ("flags", c.c_int64),
                   ("n_children", c.c_int64), ("children", c.POINTER(c.POINTER(Schema))), ("dictionary", c.POINTER(Schema)),
                   ("release", RELEASE_SCHEMA), ("private_data", P)]
Array._fields_ = [("length", c.c_int64), ("null_count", c.c_int64), ("offset", c.c_int64), ("n_buffers", c.c_int64),
                  ("n_children", c.c_int64), ("buffers", c.POINTER(P)), ("children", c.POINTER(c.POINTER(Array))),
                  ("dictionary", c.POINTER(Array)), ("release", RELEASE_ARRAY), ("private_data", P)]
Stream._fields_ = [("get_schema", GET_SCHEMA), ("get_next", GET_NEXT), ("get_last_error", GET_ERROR),
                   ("release", RELEASE_STREAM), ("private_data", P)]

_new_capsule = c.pythonapi.PyCapsule_New
_new_capsule.restype, _new_capsule.argtypes = c.py_object, [P, c.c_char_p, P]
_pointer = c.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = P, [c.py_object, c.c_char_p]

RELEASED = []  # what consumers gave back


@RELEASE_SCHEMA
def _release_schema(schema):
    schema.contents.release = RELEASE_SCHEMA()


@RELEASE_ARRAY
def _release_array(array):
    RELEASED.append(array.contents.length)
    array.contents.release = RELEASE_ARRAY()


def bitmap(valid):
    bits = bytearray((len(valid) + 7) // 8)
    for i, one in enumerate(valid):
        bits[i // 8] |= bool(one) << (i % 8)
    return bytes(bits)


def utf8_buffers(texts, width="i"):
    """Validity, offsets and bytes; `width`: i for utf8, q for large_utf8."""
    encoded = [(text or "").encode() for text in texts]
    offsets = [0]
    for one in encoded:
        offsets.append(offsets[-1] + len(one))
    return [bitmap([text is not None for text in texts]), struct.pack(f"<{len(offsets)}{width}", *offsets), b"".join(encoded) + b"\0"]


def view_buffers(texts):
    """Validity, views, two buffers of bytes that take turns, and their sizes."""
    data, views = [b"", b""], b""
    for i, text in enumerate(texts):
        one = (text or "").encode()
        if len(one) <= 12:
            views += struct.pack("<i12s", len(one), one)
        else:
            views += struct.pack("<i4sii", len(one), one[:4], i % 2, len(data[i % 2]))
            data[i % 2] += one
    return [bitmap([text is not None for text in texts]), views + b"\0", *(d + b"\0" for d in data),
            struct.pack("<2q", *(len(d) for d in data))]


class Column:
    """One array, by __arrow_c_array__. Holds what the consumer reads."""

    def __init__(self, format, buffers, length, *, offset=0, null_count=-1, dictionary=False):
        self._kept = [None if b is None else c.create_string_buffer(b, len(b)) for b in buffers]
        self._pointers = (P * max(len(buffers), 1))(*(None if k is None else c.addressof(k) for k in self._kept))
        self.schema = Schema(format=format.encode(), name=b"", release=_release_schema)
        self.array = Array(length=length, null_count=null_count, offset=offset, n_buffers=len(buffers),
                           buffers=self._pointers, release=_release_array)
        if dictionary:
            self._other = Schema(format=b"u", release=_release_schema)
            self.schema.dictionary = c.pointer(self._other)

    @classmethod
    def of(cls, texts, format="u", **options):
        buffers = {"u": utf8_buffers, "U": lambda t: utf8_buffers(t, "q"), "vu": view_buffers}[format](texts)
        return cls(format, buffers, len(texts) - options.get("offset", 0), **options)

    def __arrow_c_array__(self, requested_schema=None):
        return (_new_capsule(c.addressof(self.schema), b"arrow_schema", None),
                _new_capsule(c.addressof(self.array), b"arrow_array", None))


class Chunks:
    """Several columns of one type, by __arrow_c_stream__; `fails_at`: the chunk in whose place an error comes."""

    def __init__(self, format, columns, fails_at=None):
        self._left, self._format, self._fails_at, self._given = list(columns), format, fails_at, 0

        def get_schema(_, schema):
            schema[0] = Schema(format=self._format.encode(), name=b"", release=_release_schema)
            return 0

        def get_next(_, array):
            if self._given == self._fails_at:
                return 5
            if self._given == len(self._left):
                array[0] = Array()
                return 0
            array[0] = self._left[self._given].array
            self._given += 1
            return 0

        def release(stream):
            stream.contents.release = RELEASE_STREAM()

        self._functions = (GET_SCHEMA(get_schema), GET_NEXT(get_next), GET_ERROR(lambda _: b"the disk is full"), RELEASE_STREAM(release))
        self.stream = Stream(get_schema=self._functions[0], get_next=self._functions[1], get_last_error=self._functions[2],
                             release=self._functions[3])

    def __arrow_c_stream__(self, requested_schema=None):
        return _new_capsule(c.addressof(self.stream), b"arrow_array_stream", None)


def take(vectors):
    """(rows as lists, null rows as None; address of the numbers) of a FixedSizeList<float32>, and releases it."""
    schema_capsule, array_capsule = vectors.__arrow_c_array__()
    schema = c.cast(_pointer(schema_capsule, b"arrow_schema"), c.POINTER(Schema)).contents
    array = c.cast(_pointer(array_capsule, b"arrow_array"), c.POINTER(Array)).contents
    assert schema.format.startswith(b"+w:") and schema.n_children == 1, schema.format
    width = int(schema.format[3:])
    assert schema.children[0].contents.format == b"f"
    assert (array.n_buffers, array.n_children, array.offset) == (1, 1, 0)
    child = array.children[0].contents
    assert child.n_buffers == 2 and child.length == width * array.length
    values = c.cast(child.buffers[1], c.POINTER(c.c_float))
    rows, nulls = [], 0
    for i in range(array.length):
        valid = array.buffers[0] is None or c.cast(array.buffers[0], c.POINTER(c.c_uint8))[i // 8] >> (i % 8) & 1
        nulls += not valid
        rows.append(values[i * width:(i + 1) * width] if valid else None)
    assert nulls == array.null_count
    array.release(c.byref(array))
    schema.release(c.byref(schema))
    assert not array.release and not schema.release
    return rows, child.buffers[1] if not nulls else None
