# SPDX-License-Identifier: Apache-2.0
"""The extension (python/csrc): what _model.py is made of. Not for others."""
from collections.abc import Callable
from typing import Any, final

from typing_extensions import Buffer as _Buffer

__version__: str

@final
class Handle:
    """An open model, its threads and the lock that its calls take."""

@final
class Vectors(_Buffer):
    """Rows of numbers that C++ made and this object owns, by the buffer protocol; also an Arrow
    FixedSizeList<float32>[D]."""

    rows: int
    columns: int
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    def __arrow_c_schema__(self) -> object: ...

def open(path: str, dtype: str, threads: int) -> Handle: ...
def info(handle: Handle) -> str: ...
def encode(
    handle: Handle,
    texts: tuple[str, ...],
    prompt_kind: int,
    prompt: str,
    normalize: bool,
    truncate_dim: int,
    progress: Callable[[int], object] | None,
) -> Vectors: ...
def encode_arrow(
    handle: Handle,
    column: object,
    prompt_kind: int,
    prompt: str,
    normalize: bool,
    truncate_dim: int,
    progress: Callable[[int], object] | None,
) -> Vectors: ...
def classify(
    handle: Handle, texts: tuple[str, ...], top_k: int, progress: Callable[[int], object] | None
) -> list[list[dict[str, Any]]]: ...
def rerank(
    handle: Handle, query: str, texts: tuple[str, ...], top_k: int, progress: Callable[[int], object] | None
) -> list[tuple[int, float]]: ...
def generate(
    handle: Handle, texts: tuple[str, ...], parameters: str, progress: Callable[[int], object] | None
) -> list[list[dict[str, Any]]]: ...
def tokenize(
    handle: Handle, texts: tuple[str, ...], add_special_tokens: bool, truncate: bool
) -> list[dict[str, Any]]: ...
