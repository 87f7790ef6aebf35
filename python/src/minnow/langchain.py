# SPDX-License-Identifier: Apache-2.0
"""minnow as LangChain's Embeddings: pip install "minnow[langchain]".

    from minnow.langchain import MinnowEmbeddings
    MinnowEmbeddings("model.minnow").embed_query("a question")
    MinnowEmbeddings(base_url="http://127.0.0.1:8080").embed_documents(["a text", "another"])
"""
from __future__ import annotations

import os
from typing import Any

from langchain_core.embeddings import Embeddings

from minnow._embedder import Embedder


class MinnowEmbeddings(Embeddings):
    """Vectors by a model in this process (model=path), or by a server (base_url=...).

    Further options, with their defaults: api_key=None, route="openai" ("tei"), threads=None (all cores),
    dtype="auto", batch_size=256, query_prompt_name=None, document_prompt_name=None, timeout=60.0, retries=3.
    """

    def __init__(self, model: str | os.PathLike[str] | None = None, base_url: str | None = None, **options: Any) -> None:
        self._embedder = Embedder(model, base_url, **options)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._embedder.documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self._embedder.query(text)
