# SPDX-License-Identifier: Apache-2.0
"""Adapters of LangChain, LlamaIndex and Haystack, in process and over HTTP by both routes: the same bits.

usage: check_adapters.py   in a folder with model.minnow
"""
import asyncio
import json
import os
import sys

import common
import doc_blocks
import numpy as np

FRAMEWORKS = common.ROOT / "docs/how-to/frameworks.md"

sys.path[:0] = [str(common.ROOT / "tests/server"), str(common.ROOT / "tests/cli")]


def same(vectors, wanted, name):
    assert np.array_equal(np.asarray(vectors, dtype=np.float32), wanted), f"{name}: other bits"
    print(f"{name}: the same bits", flush=True)


def check_langchain(where, texts, wanted, name):
    from minnow.langchain import MinnowEmbeddings
    model = MinnowEmbeddings(batch_size=100, **where)
    same(model.embed_documents(texts), wanted, f"langchain {name}")
    same([model.embed_query(texts[0]), asyncio.run(model.aembed_query(texts[1]))], wanted[:2], f"langchain {name}, queries")
    assert model.embed_documents([]) == []


def check_llama_index(where, texts, wanted, name):
    from minnow.llama_index import MinnowEmbedding
    model = MinnowEmbedding(embed_batch_size=100, **where)
    same(model.get_text_embedding_batch(texts), wanted, f"llama-index {name}")
    same([model.get_query_embedding(texts[0]), asyncio.run(model.aget_text_embedding(texts[1]))], wanted[:2], f"llama-index {name}, queries")
    again = MinnowEmbedding.from_dict(json.loads(json.dumps(model.to_dict())))
    same(again.get_text_embedding(texts[0]), wanted[0], f"llama-index {name}, from a dictionary")
    assert "hidden" not in str(MinnowEmbedding(base_url="http://x", api_key="hidden").to_dict()), "the key is written down"


def check_haystack(where, texts, wanted, name):
    from haystack import Document, Pipeline
    from haystack.utils import Secret

    from minnow.haystack import MinnowDocumentEmbedder, MinnowTextEmbedder
    embedder = MinnowDocumentEmbedder(batch_size=100, **where)
    documents = embedder.run([Document(content=text) for text in texts])["documents"]
    same([document.embedding for document in documents], wanted, f"haystack {name}")
    with_title = MinnowDocumentEmbedder(meta_fields_to_embed=["title"], embedding_separator="", **where)
    same(with_title.run([Document(content=texts[0][1:], meta={"title": texts[0][0]})])["documents"][0].embedding, wanted[0], f"haystack {name}, meta")
    pipeline = Pipeline()
    pipeline.add_component("query", MinnowTextEmbedder(api_key=Secret.from_env_var("SOME_KEY", strict=False), **where))
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["minnow.haystack"])
    same(again.run({"query": {"text": texts[1]}})["query"]["embedding"], wanted[1], f"haystack {name}, a pipeline from text")


def refusals(url):
    from minnow.langchain import MinnowEmbeddings
    for options, texts, error in (
        ({}, ["x"], ValueError), ({"base_url": "ftp://x"}, ["x"], ValueError), ({"model": "no-such.minnow"}, ["x"], OSError),
        ({"base_url": url, "route": "none"}, ["x"], ValueError), ({"base_url": url, "document_prompt_name": "none"}, ["x"], ValueError),
        ({"base_url": url}, [None], ValueError), ({"base_url": "http://127.0.0.1:9", "retries": 0}, ["x"], OSError)):
        try:
            MinnowEmbeddings(**options).embed_documents(texts)
        except error as said:
            print(f"refused: {said}", flush=True)
        else:
            raise AssertionError(f"{options} was not refused")


def main():
    common.limit(280)
    from running_server import Server
    texts = common.real_lines(250) + [text for text in common.ODD if text]
    expected = common.vectors_of(texts)
    wanted = np.stack([np.frombuffer(expected[text], np.float32) for text in texts])
    server = Server(model=common.MODEL)
    try:
        url = f"http://127.0.0.1:{server.port}"
        places = {"in process": {"model": common.MODEL}, "over HTTP, openai": {"base_url": url + "/v1"}, "over HTTP, tei": {"base_url": url, "route": "tei"}}
        for name, where in places.items():
            for check in (check_langchain, check_llama_index, check_haystack):
                check(where, texts, wanted, name)
        refusals(url)
        for heading in ("LangChain", "LlamaIndex", "Haystack"):
            names = doc_blocks.run(FRAMEWORKS, heading, {"http://127.0.0.1:8080": url})
            vector = names["vector"] if heading == "Haystack" else names["vectors"][0]
            assert len(vector) == 384, heading
        os.environ["MINNOW_TEST_URL"] = url
        import pytest
        if pytest.main(["-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", str(common.pathlib.Path(__file__).with_name("conformance.py"))]):
            raise AssertionError("LangChain's conformance suite failed")
    finally:
        server.process.kill()
        server.process.wait(60)


if __name__ == "__main__":
    main()
