# SPDX-License-Identifier: Apache-2.0
"""minnow: transformer models on CPU.

    model = minnow.Model("model.minnow", threads=1)
    vectors = model.encode(["a sentence", "another"])
"""
from minnow._core import __version__
from minnow._model import Model

__all__ = ["Model", "__version__"]
