# SPDX-License-Identifier: Apache-2.0
"""minnow as Haystack's embedders: pip install "minnow[haystack]".

    from minnow.haystack import MinnowDocumentEmbedder, MinnowTextEmbedder
    MinnowTextEmbedder(model="model.minnow").run("a question")["embedding"]
    MinnowDocumentEmbedder(base_url="http://127.0.0.1:8080").run(documents)["documents"]

Pipelines that were written down are read by Pipeline.loads(text, allowed_modules=["minnow.haystack"]), from Haystack 3 on.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.utils import Secret, deserialize_secrets_inplace

from minnow._embedder import Embedder


class _Component:
    """Options as they were given, for pipelines that are written down; the model is loaded by the first use."""

    def _keep(self, api_key: Secret | None, options: dict[str, Any]) -> None:
        self._api_key, self._options, self._loaded = api_key, options, None
        if options["model"] is None and options["base_url"] is None:
            raise ValueError("model: neither the path of a model nor the base_url of a server")

    def warm_up(self) -> None:
        if self._loaded is None:
            options = {name: value for name, value in self._options.items() if name not in _OF_DOCUMENTS}
            key = self._api_key.resolve_value() if self._api_key else None
            self._loaded = Embedder(api_key=key, **options)

    def _embedder(self) -> Embedder:
        self.warm_up()
        return self._loaded

    def to_dict(self) -> dict[str, Any]:
        return default_to_dict(self, api_key=self._api_key.to_dict() if self._api_key else None, **self._options)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Any:
        deserialize_secrets_inplace(data["init_parameters"], keys=["api_key"])
        return default_from_dict(cls, data)


_OF_DOCUMENTS = ("meta_fields_to_embed", "embedding_separator")


@component
class MinnowTextEmbedder(_Component):
    """The vector of a query, by a model in this process (model=path) or by a server (base_url=...)."""

    def __init__(self, model: str | None = None, base_url: str | None = None, *, api_key: Secret | None = None,
                 route: str = "openai", threads: int | None = None, dtype: str = "auto", query_prompt_name: str | None = None,
                 timeout: float = 60.0, retries: int = 3) -> None:
        self._keep(api_key, {"model": model, "base_url": base_url, "route": route, "threads": threads, "dtype": dtype,
                             "query_prompt_name": query_prompt_name, "timeout": timeout, "retries": retries})

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, list[float]]:
        if not isinstance(text, str):
            raise TypeError(f"text: {type(text).__name__}, not str; MinnowDocumentEmbedder takes documents")
        return {"embedding": self._embedder().query(text)}


@component
class MinnowDocumentEmbedder(_Component):
    """Documents with their vectors; before a document's content stand the fields of its meta that are named."""

    def __init__(self, model: str | None = None, base_url: str | None = None, *, api_key: Secret | None = None,
                 route: str = "openai", threads: int | None = None, dtype: str = "auto", document_prompt_name: str | None = None,
                 batch_size: int = 256, meta_fields_to_embed: list[str] | None = None, embedding_separator: str = "\n",
                 timeout: float = 60.0, retries: int = 3) -> None:
        self._keep(api_key, {"model": model, "base_url": base_url, "route": route, "threads": threads, "dtype": dtype,
                             "document_prompt_name": document_prompt_name, "batch_size": batch_size,
                             "meta_fields_to_embed": meta_fields_to_embed, "embedding_separator": embedding_separator,
                             "timeout": timeout, "retries": retries})

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        if not isinstance(documents, list) or not all(isinstance(document, Document) for document in documents):
            raise TypeError("documents: not a list of Document; MinnowTextEmbedder takes a text")
        vectors = self._embedder().documents([self._text(document) for document in documents])
        return {"documents": [replace(document, embedding=vector) for document, vector in zip(documents, vectors)]}

    def _text(self, document: Document) -> str:
        fields = self._options["meta_fields_to_embed"] or []
        known = [str(document.meta[field]) for field in fields if document.meta.get(field) is not None]
        return self._options["embedding_separator"].join([*known, document.content or ""])
