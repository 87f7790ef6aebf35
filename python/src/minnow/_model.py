# SPDX-License-Identifier: Apache-2.0
"""Model: what a program asks of a model. Arguments are looked at here; the work is done in C++."""
from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from minnow import _core
from minnow._progress import progress_bar

if TYPE_CHECKING:
    from numpy.typing import NDArray

Precision = Literal["float32", "binary", "ubinary"]

# The model that the wheel carries: it classifies texts by their language.
LANGUAGE_DETECTOR = "builtin:language-detector"
MAX_THREADS = 1024
# Of tasks/prompt.h: PromptChoice::Kind.
_DEFAULT, _QUERY, _DOCUMENT, _NAMED, _TEXT = range(5)


class Model:
    """A model on disk, mapped into memory: processes that open one packed file share its pages.

    path: a directory as Hugging Face publishes it, a packed file (`minnow pack`), an .onnx file, or
        "builtin:language-detector". None: what MINNOW_MODEL names, else the language detector that
        the package carries, which classifies; no other model is carried.
    threads: as many as the machine's cores, or the container's CPU quota if that is less, where it
        is None. Of several worker processes each should have its share, mostly 1.
    dtype: "auto" (a packed file's own, fp32 of a directory), "fp32", "bf16" or "int8".

    No thread is started before the first call. Threads of Python may call one model at once: one
    computes, the others wait for it, and threads that do something else run meanwhile. After a fork
    the child goes on with the same model and threads of its own. A model pickles as its path and
    arguments. Ctrl-C ends a call within a tenth of a second.

    The same text gives the same bits alone, in any batch, on any number of threads, and from the
    `minnow` program. Texts longer than the model reads are cut. Errors are ValueError, OSError
    (FileNotFoundError where something is missing) and MemoryError.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, threads: int | None = None, *, dtype: str = "auto"
    ) -> None: ...

    @property
    def info(self) -> dict[str, Any]:
        """What is known of the model: "path", "model_id", "kind" ("embedding", "classification",
        ...), "dtype", "embedding_size", "max_seq_length", "labels", "prompts", "threads", ..."""

    @overload
    def encode(self, texts: str, **options: Any) -> NDArray[Any]: ...
    @overload
    def encode(self, texts: Iterable[str], **options: Any) -> NDArray[Any]: ...
    def encode(
        self,
        texts,
        *,
        batch_size=32,
        normalize_embeddings=True,
        prompt_name=None,
        prompt=None,
        truncate_dim=None,
        show_progress_bar=None,
        precision: Precision = "float32",
    ):
        """The vectors of texts, [n, D] float32; of one str its vector, [D]."""

    def encode_query(self, texts, **options):
        """encode with the model's prompt for queries, if it has one and none is asked for."""

    def encode_document(self, texts, **options):
        """The same with its prompt for documents."""

    def encode_arrow(
        self,
        column,
        *,
        batch_size=32,
        normalize_embeddings=True,
        prompt_name=None,
        prompt=None,
        truncate_dim=None,
        show_progress_bar=None,
    ):
        """The vectors of an Arrow column of strings (anything with __arrow_c_stream__ or
        __arrow_c_array__), a FixedSizeList<float32>[D]; of a null, null. Where pyarrow has been
        imported, its Array; else an object with __arrow_c_array__. Nothing is copied."""

    def classify(self, texts, top_k=1, *, show_progress_bar=None):
        """For each text its best labels, [{"label": str, "score": float}, ...]; top_k=None: all of
        them. Of one str its own list."""

    def rerank(self, query, texts, *, top_k=None, return_documents=False, show_progress_bar=None):
        """Texts by how well they answer the query, by a cross-encoder, best first:
        [{"corpus_id": int, "score": float, "text": str if return_documents}, ...]."""

    def generate(self, texts, *, details=False, show_progress_bar=None, **parameters):
        """What a text-to-text model makes of each text, by transformers' parameters
        (max_new_tokens, num_beams, ...); also task, stop, skip_special_tokens. A str each, or a list
        of them where num_return_sequences is given; details=True: {"text", "ids", "score",
        "finish_reason"} in place of each str."""

    def tokenize(self, texts, *, add_special_tokens=True, truncation=False):
        """{"ids", "tokens", "offsets"} of each text; offsets count characters."""
