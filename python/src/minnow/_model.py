# SPDX-License-Identifier: Apache-2.0
"""Model: what a program asks of a model. Arguments are looked at here; the work is done in C++."""
from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from minnow import _core
from minnow._progress import progress_bar

if TYPE_CHECKING:
    from numpy.typing import NDArray

Precision = Literal["float32", "binary", "ubinary"]

# The model that the package carries: it tells the language of a text.
LANGUAGE_DETECTOR = "builtin:language-detector"
MAX_THREADS = 1024
# Of src/tasks/prompt.h: PromptChoice::Kind.
_DEFAULT, _QUERY, _DOCUMENT, _NAMED, _TEXT = range(5)


class Model:
    """A model on disk, mapped into memory: processes that open one packed file share its pages.

    path: a directory as Hugging Face publishes it, a packed file (`minnow pack`), an .onnx file, or
        "builtin:language-detector". None: what the environment variable MINNOW_MODEL names, else
        the language detector, which only classifies; the package carries no other model.
    threads: None: as many as there are cores, or as the container's CPU quota has if that is less.
        Of several worker processes each should have its share, mostly 1.
    dtype: "auto" (a packed file's own, fp32 of a directory), "fp32", "bf16" or "int8".

    No thread is started before the first call. Threads of Python may call one model at once: one
    computes, the others wait for it, and threads that do something else run meanwhile. After a fork
    the child goes on with the same model and threads of its own. A model pickles as its path and
    arguments. Ctrl-C ends a call within a tenth of a second.

    The same text gives the same bits alone, in any batch, on any number of threads, and from the
    `minnow` program. Texts longer than the model reads are cut. What is wrong is told by ValueError,
    TypeError, OSError (FileNotFoundError where something is missing) and MemoryError.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, threads: int | None = None, *, dtype: str = "auto"
    ) -> None:
        if path is None:
            path = os.environ.get("MINNOW_MODEL") or LANGUAGE_DETECTOR
        place = os.fsdecode(path)
        if not place:
            raise ValueError("path: empty")
        # Another process may have another working folder.
        self._path = place if place == LANGUAGE_DETECTOR else os.path.abspath(place)
        self._threads = None if threads is None else _integer("threads", threads, 1, MAX_THREADS)
        self._dtype = dtype
        self._handle = _core.open_model(os.fsencode(self._path), dtype, self._threads or 0)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._path, self._threads, self._dtype)

    def __repr__(self) -> str:
        return f"minnow.Model({self._path!r}, threads={self._threads})"

    @property
    def info(self) -> dict[str, Any]:
        """What is known of the model: "path", "model_id", "kind" ("embedding", "classification",
        "text2text-generation", ...), "dtype", "embedding_size", "max_seq_length", "labels",
        "prompts", "tokenizer", "kernels" (the instruction set), "threads", ..."""
        return json.loads(_core.info(self._handle))

    @property
    def max_seq_length(self) -> int:
        """Tokens of the longest text that the model reads; the rest is cut."""
        return self.info["max_seq_length"]

    def get_sentence_embedding_dimension(self) -> int:
        """Numbers of a vector."""
        return self.info["embedding_size"]

    def encode(
        self,
        texts: str | Iterable[str],
        *,
        batch_size: int = 32,
        normalize_embeddings: bool = True,
        prompt_name: str | None = None,
        prompt: str | None = None,
        truncate_dim: int | None = None,
        show_progress_bar: bool | None = None,
        precision: Precision = "float32",
    ) -> NDArray[Any]:
        """The vectors of texts, float32 [n, D]; of one str its vector, [D].

        batch_size: taken for sentence-transformers' sake; batches are made by tokens and time, and
            change no result.
        normalize_embeddings: vectors of length 1; after truncate_dim too.
        prompt_name, prompt: the model's prompt of that name, or this text, before each text;
            neither: the model's default prompt, if it has one; prompt="": none.
        truncate_dim: only so many numbers of each vector, the first ones.
        show_progress_bar: by tqdm if it is installed; None: no.
        precision: "binary" and "ubinary" give a bit a number, packed in int8 and uint8.
        """
        kind, text = _choose_prompt(prompt_name, prompt)
        return self._encode(
            texts,
            kind,
            text,
            batch_size=batch_size,
            normalize_embeddings=normalize_embeddings,
            truncate_dim=truncate_dim,
            show_progress_bar=show_progress_bar,
            precision=precision,
        )

    def encode_query(self, texts: str | Iterable[str], **options: Any) -> NDArray[Any]:
        """As encode, with the model's prompt for queries where it has one and none is asked for."""
        return self._encode_role(_QUERY, texts, options)

    def encode_document(self, texts: str | Iterable[str], **options: Any) -> NDArray[Any]:
        """As encode, with the model's prompt for documents where it has one and none is asked for."""
        return self._encode_role(_DOCUMENT, texts, options)

    def encode_arrow(
        self,
        column: Any,
        *,
        batch_size: int = 32,
        normalize_embeddings: bool = True,
        prompt_name: str | None = None,
        prompt: str | None = None,
        truncate_dim: int | None = None,
        show_progress_bar: bool | None = None,
    ) -> Any:
        """The vectors of an Arrow column of strings: of anything with __arrow_c_stream__ or
        __arrow_c_array__. A FixedSizeList<float32>[D], in which a null stays null: pyarrow's Array
        where pyarrow has been imported, else an object with __arrow_c_array__. No vector is copied.
        The other arguments are those of encode."""
        _integer("batch_size", batch_size, 1, sys.maxsize)
        kind, text = _choose_prompt(prompt_name, prompt)
        size = _dimensions(truncate_dim)
        with progress_bar(show_progress_bar, None) as progress:
            vectors = _core.encode_arrow(
                self._handle, column, kind, text, bool(normalize_embeddings), size, progress
            )
        pyarrow = sys.modules.get("pyarrow")
        return vectors if pyarrow is None else pyarrow.array(vectors)

    def classify(
        self, texts: str | Iterable[str], top_k: int | None = 1, *, show_progress_bar: bool | None = None
    ) -> list[Any]:
        """For each text its best labels, [{"label": str, "score": float}, ...]; top_k=None: all. Of
        one str its own list."""
        count = 0 if top_k is None else _integer("top_k", top_k, 1, sys.maxsize)
        items = _texts(texts)
        with progress_bar(show_progress_bar, len(items)) as progress:
            found = _core.classify(self._handle, items, count, progress)
        return found[0] if isinstance(texts, str) else found

    def rerank(
        self,
        query: str,
        texts: Iterable[str],
        *,
        top_k: int | None = None,
        return_documents: bool = False,
        show_progress_bar: bool | None = None,
    ) -> list[dict[str, Any]]:
        """Texts by how well they answer the query, best first, by a cross-encoder: [{"corpus_id":
        int, "score": float}, ...], with "text" where return_documents; top_k=None: all of them."""
        count = 0 if top_k is None else _integer("top_k", top_k, 1, sys.maxsize)
        items = _texts(texts)
        with progress_bar(show_progress_bar, len(items)) as progress:
            ranked = _core.rerank(self._handle, query, items, count, progress)
        if return_documents:
            return [{"corpus_id": i, "score": score, "text": items[i]} for i, score in ranked]
        return [{"corpus_id": i, "score": score} for i, score in ranked]

    def generate(
        self,
        texts: str | Iterable[str],
        *,
        details: bool = False,
        show_progress_bar: bool | None = None,
        **parameters: Any,
    ) -> Any:
        """What a text-to-text model makes of each text: a str, or where num_return_sequences is
        given a list of them; of one str its own.

        parameters: transformers' (max_new_tokens, num_beams, do_sample, temperature, seed, ...); also
            task (of the model's own, "summarization"), stop (strings that end a text),
            skip_special_tokens, clean_up_tokenization_spaces; truncation=True cuts a text that is
            longer than the model reads, at truncation_side ("right"); else it is an error.
        details: {"text", "ids", "score", "finish_reason"} in place of each str.
        """
        items = _texts(texts)
        wanted = json.dumps({**parameters, "details": bool(details)}, default=_plain, allow_nan=False)
        with progress_bar(show_progress_bar, len(items)) as progress:
            answers = _core.generate(self._handle, items, wanted, progress)
        several = parameters.get("num_return_sequences") is not None
        made = [[text if details else text["text"] for text in texts_of_one] for texts_of_one in answers]
        made = made if several else [texts_of_one[0] for texts_of_one in made]
        return made[0] if isinstance(texts, str) else made

    def tokenize(
        self, texts: str | Iterable[str], *, add_special_tokens: bool = True, truncation: bool = False
    ) -> Any:
        """{"ids", "tokens", "offsets"} of each text, of one str its own; offsets count characters."""
        found = _core.tokenize(self._handle, _texts(texts), bool(add_special_tokens), bool(truncation))
        return found[0] if isinstance(texts, str) else found

    def _encode_role(self, role: int, texts: str | Iterable[str], options: dict[str, Any]) -> NDArray[Any]:
        if options.get("prompt") is not None or options.get("prompt_name") is not None:
            return self.encode(texts, **options)
        others = {name: value for name, value in options.items() if name not in ("prompt", "prompt_name")}
        return self._encode(texts, role, "", **others)

    def _encode(
        self,
        texts: str | Iterable[str],
        kind: int,
        prompt: str,
        *,
        batch_size: int = 32,
        normalize_embeddings: bool = True,
        truncate_dim: int | None = None,
        show_progress_bar: bool | None = None,
        precision: str = "float32",
    ) -> NDArray[Any]:
        _integer("batch_size", batch_size, 1, sys.maxsize)
        size = _dimensions(truncate_dim)
        if precision not in ("float32", "binary", "ubinary"):
            why = ", as int8 needs the ranges of a whole corpus" if precision in ("int8", "uint8") else ""
            raise ValueError(f'precision: {precision!r} is not "float32", "binary" or "ubinary"{why}')
        items = _texts(texts)
        with progress_bar(show_progress_bar, len(items)) as progress:
            made = _core.encode(self._handle, items, kind, prompt, bool(normalize_embeddings), size, progress)
        vectors = np.asarray(made)
        if precision != "float32":
            vectors = np.packbits(vectors > 0, axis=-1)
            if precision == "binary":
                vectors = (vectors.astype(np.int16) - 128).astype(np.int8)
        return vectors[0] if isinstance(texts, str) else vectors


def _reopen(path: str, threads: int | None, dtype: str) -> Model:
    return Model(path, threads, dtype=dtype)


def _texts(texts: str | Iterable[str]) -> tuple[str, ...]:
    if isinstance(texts, str):
        return (texts,)
    # What gives its keys, or the names of its columns, when it is gone through.
    if isinstance(texts, (bytes, bytearray, Mapping)) or hasattr(texts, "columns"):
        raise TypeError(f"texts: expected str or a list of str, got {type(texts).__name__}")
    try:
        return tuple(texts)
    except TypeError:
        raise TypeError(f"texts: expected str or a list of str, got {type(texts).__name__}") from None


def _integer(name: str, value: Any, least: int, most: int) -> int:
    try:
        number = value.__index__()
    except AttributeError:
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}") from None
    if not least <= number <= most:
        raise ValueError(f"{name}: {number} is not in [{least}, {most}]")
    return number


def _dimensions(truncate_dim: int | None) -> int:
    return 0 if truncate_dim is None else _integer("truncate_dim", truncate_dim, 1, sys.maxsize)


def _choose_prompt(prompt_name: str | None, prompt: str | None) -> tuple[int, str]:
    # As sentence-transformers has it, the text goes before the name.
    if prompt is not None:
        return _TEXT, prompt
    return (_DEFAULT, "") if prompt_name is None else (_NAMED, prompt_name)


def _plain(value: Any) -> Any:
    """A number of numpy as Python's own, for json."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (np.ndarray, set, frozenset)):
        return list(value)
    raise TypeError(f"parameters: {type(value).__name__} is no number, text or list")
