# SPDX-License-Identifier: Apache-2.0
"""LangChain's conformance suite for embeddings, in process and over HTTP; run by check_adapters.py through pytest."""
import os

from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from minnow.langchain import MinnowEmbeddings


class InProcess:
    @property
    def embeddings_class(self):
        return MinnowEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": "model.minnow"}


class OverHttp(InProcess):
    @property
    def embedding_model_params(self):
        return {"base_url": os.environ["MINNOW_TEST_URL"]}


class TestInProcessUnit(InProcess, EmbeddingsUnitTests):
    pass


class TestInProcess(InProcess, EmbeddingsIntegrationTests):
    pass


class TestOverHttpUnit(OverHttp, EmbeddingsUnitTests):
    pass


class TestOverHttp(OverHttp, EmbeddingsIntegrationTests):
    pass
