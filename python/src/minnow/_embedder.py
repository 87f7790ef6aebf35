# SPDX-License-Identifier: Apache-2.0
"""What the adapters (LangChain, LlamaIndex, Haystack) have in common: a model in this process, or a server."""
from __future__ import annotations

import os

import numpy as np

from minnow._endpoint import Endpoint
from minnow.workers import load_once


class Embedder:
    """Vectors of documents and of queries.

    model: the path of a model, or with base_url the name that the server knows it by (None: its only one).
    base_url: of `minnow serve` or of another server with OpenAI's or text-embeddings-inference's route.
    threads: of a model in this process; None: all cores.
    batch_size: texts a call, or a request.
    query_prompt_name, document_prompt_name: of the model's prompts. None: in this process the model's own
        for queries and for documents, if it has them; over HTTP none but the model's default.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        route: str = "openai",
        threads: int | None = None,
        dtype: str = "auto",
        batch_size: int = 256,
        query_prompt_name: str | None = None,
        document_prompt_name: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size: {batch_size}, at least 1")
        if model is None and base_url is None:
            raise ValueError("model: neither the path of a model nor the base_url of a server")
        self._batch_size = batch_size
        self._prompts = {"query": query_prompt_name, "document": document_prompt_name}
        self._endpoint = self._model = None
        if base_url is not None:
            name = None if model is None else os.fspath(model)
            self._endpoint = Endpoint(base_url, model=name, api_key=api_key, route=route, timeout=timeout, retries=retries)
        else:
            self._model = load_once(model, threads, dtype)

    def documents(self, texts: list[str]) -> list[list[float]]:
        return self._embed(texts, "document")

    def query(self, text: str) -> list[float]:
        return self._embed([text], "query")[0]

    def queries(self, texts: list[str]) -> list[list[float]]:
        return self._embed(texts, "query")

    def _embed(self, texts: list[str], kind: str) -> list[list[float]]:
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise ValueError(f"texts[{i}]: {type(text).__name__}, not str")
        vectors: list[list[float]] = []
        for begin in range(0, len(texts), self._batch_size):
            vectors += self._batch(texts[begin:begin + self._batch_size], kind).tolist()
        return vectors

    def _batch(self, texts: list[str], kind: str) -> np.ndarray:
        prompt_name = self._prompts[kind]
        if self._endpoint is not None:
            return self._endpoint.embed(texts, prompt_name)
        encode = self._model.encode_query if kind == "query" else self._model.encode_document
        return encode(texts, prompt_name=prompt_name)
