# SPDX-License-Identifier: Apache-2.0
"""The extension (python/csrc): what _model.py is made of. Not for others."""
from collections.abc import Callable
from typing import Any, final

__version__: str

_Progress = Callable[[int], object] | None

@final
class Handle:
    """An open model, its threads and the lock that its calls take."""

@final
class Vectors:
    """Rows of float32 that C++ made and this object owns: [n, D] by the buffer protocol, and an
    Arrow FixedSizeList<float32>[D]."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    def __arrow_c_schema__(self) -> object: ...

def open_model(path: bytes, dtype: str, threads: int, /) -> Handle: ...
def info(handle: Handle, /) -> str: ...
def encode(
    handle: Handle,
    texts: tuple[str, ...],
    prompt_kind: int,
    prompt: str,
    normalize: bool,
    truncate_dim: int,
    progress: _Progress,
    /,
) -> Vectors: ...
def encode_arrow(
    handle: Handle,
    column: object,
    prompt_kind: int,
    prompt: str,
    normalize: bool,
    truncate_dim: int,
    progress: _Progress,
    /,
) -> Vectors: ...
def classify(
    handle: Handle, texts: tuple[str, ...], top_k: int, progress: _Progress, /
) -> list[list[dict[str, Any]]]: ...
def rerank(
    handle: Handle, query: str, texts: tuple[str, ...], top_k: int, progress: _Progress, /
) -> list[tuple[int, float]]: ...
def generate(
    handle: Handle, texts: tuple[str, ...], parameters: str, progress: _Progress, /
) -> list[list[dict[str, Any]]]: ...
def tokenize(
    handle: Handle, texts: tuple[str, ...], add_special_tokens: bool, truncate: bool, /
) -> list[dict[str, Any]]: ...
def xxh64(data: _Buffer, /) -> int: ...
