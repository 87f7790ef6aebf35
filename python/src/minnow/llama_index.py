# SPDX-License-Identifier: Apache-2.0
"""minnow as LlamaIndex' BaseEmbedding: pip install "minnow[llama-index]".

    from minnow.llama_index import MinnowEmbedding
    Settings.embed_model = MinnowEmbedding(model="model.minnow")
    Settings.embed_model = MinnowEmbedding(base_url="http://127.0.0.1:8080")
"""
from __future__ import annotations

import asyncio
import os
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import Field, PrivateAttr, SecretStr

from minnow._embedder import Embedder


class MinnowEmbedding(BaseEmbedding):
    """Vectors by a model in this process (model=path), or by a server (base_url=...)."""

    model: str | None = Field(default=None, description="A model's path, or its name at base_url")
    base_url: str | None = Field(default=None, description="A server with OpenAI's or TEI's route")
    api_key: SecretStr | None = Field(default=None, exclude=True)
    route: str = Field(default="openai", description="openai or tei")
    threads: int | None = Field(default=None, description="In this process; None: all cores")
    dtype: str = "auto"
    query_prompt_name: str | None = None
    document_prompt_name: str | None = None
    timeout: float = 60.0
    retries: int = 3
    _embedder: Embedder = PrivateAttr()

    def __init__(self, model: str | os.PathLike[str] | None = None, **options: Any) -> None:
        path = None if model is None else os.fspath(model)
        options.setdefault("embed_batch_size", 256)
        options.setdefault("model_name", os.path.basename(path.rstrip("/")) if path else options.get("base_url") or "unknown")
        super().__init__(model=path, **options)
        key = self.api_key.get_secret_value() if self.api_key else None
        self._embedder = Embedder(
            self.model, self.base_url, api_key=key, route=self.route, threads=self.threads, dtype=self.dtype,
            batch_size=self.embed_batch_size, query_prompt_name=self.query_prompt_name,
            document_prompt_name=self.document_prompt_name, timeout=self.timeout, retries=self.retries)

    @classmethod
    def class_name(cls) -> str:
        return "MinnowEmbedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._embedder.query(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._embedder.query, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._embedder.documents([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embedder.documents(texts)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return (await self._aget_text_embeddings([text]))[0]

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._embedder.documents, texts)
