# SPDX-License-Identifier: Apache-2.0
"""Vectors from a server over HTTP: OpenAI's route or text-embeddings-inference's, as `minnow serve` has both."""
from __future__ import annotations

import base64
import binascii
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import numpy as np

_MAX_ANSWER_BYTES = 1 << 28
_MAX_MESSAGE_CHARACTERS = 500
_MAX_WAIT_SECONDS = 30.0
# The server is busy or on its way up or down: another try may find it, or its neighbour, well.
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET, and take the key along to another host."""

    def redirect_request(self, *_):
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


class Endpoint:
    """base_url: of the server, with or without OpenAI's /v1. route: "openai" (exact: base64) or "tei"."""

    def __init__(self, base_url: str, *, model: str | None = None, api_key: str | None = None, route: str = "openai",
                 timeout: float = 60.0, retries: int = 3) -> None:
        if route not in ("openai", "tei"):
            raise ValueError(f"route: {route!r} is neither 'openai' nor 'tei'")
        parts = urllib.parse.urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"base_url: {base_url!r} is no http:// or https:// address")
        if timeout <= 0 or retries < 0:
            raise ValueError(f"timeout: {timeout}, retries: {retries}; above 0, and at least 0")
        self._url = base_url.rstrip("/").removesuffix("/v1") + {"openai": "/v1/embeddings", "tei": "/embed"}[route]
        self._route, self._model, self._timeout, self._retries = route, model, timeout, retries
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    def embed(self, texts: list[str], prompt_name: str | None = None) -> np.ndarray:
        """[n, D] float32 of n texts, in one request."""
        body: dict[str, Any] = {"model": self._model} if self._model else {}
        if prompt_name:
            body["prompt_name"] = prompt_name
        if self._route == "tei":
            return self._matrix(self._post({**body, "inputs": texts}), len(texts))
        body.setdefault("model", "default")  # the route asks for one; a server of one model takes any
        answer = self._post({**body, "input": texts, "encoding_format": "base64"})
        try:
            items = sorted(answer["data"], key=lambda item: item["index"])
            rows = [_floats(item["embedding"]) for item in items]
        except (KeyError, TypeError, ValueError) as error:  # binascii.Error is one
            raise ValueError(f"{self._url}: an answer of another form ({error!r})") from None
        return self._matrix(rows, len(texts))

    def _matrix(self, rows: Any, wanted: int) -> np.ndarray:
        try:
            vectors = np.asarray(rows, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self._url}: an answer of another form ({error})") from None
        if vectors.ndim != 2 or len(vectors) != wanted:
            raise ValueError(f"{self._url}: an answer of shape {vectors.shape} to {wanted} texts")
        return vectors

    def _post(self, body: dict[str, Any]) -> Any:
        data = json.dumps(body).encode()
        for attempt in range(self._retries + 1):
            wait = min(0.25 * 2**attempt, _MAX_WAIT_SECONDS)
            try:
                request = urllib.request.Request(self._url, data, self._headers)
                with _OPENER.open(request, timeout=self._timeout) as answer:
                    raw = answer.read(_MAX_ANSWER_BYTES + 1)
                if len(raw) > _MAX_ANSWER_BYTES:
                    raise ValueError(f"{self._url}: an answer above {_MAX_ANSWER_BYTES} bytes")
                if answer.length:
                    raise OSError("the answer was cut off")
                return json.loads(raw)
            except urllib.error.HTTPError as error:
                with error:
                    failure: Exception = _refusal(self._url, error)
                if error.code not in _PASSING:
                    raise failure from None
                wait = _retry_after(error.headers.get("Retry-After"), wait)
            except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
                raise ValueError(f"{self._url}: an answer that is no JSON ({error})") from None
            except (OSError, http.client.HTTPException) as error:  # refused, reset, cut off, too slow; URLError is one
                failure = OSError(f"{self._url}: {getattr(error, 'reason', error)}")
            if attempt < self._retries:
                time.sleep(wait)
        raise failure


def _floats(value: Any) -> Any:
    """Base64 of little-endian float32; servers that know no base64 send the numbers."""
    if not isinstance(value, str):
        return value
    raw = base64.b64decode(value, validate=True)
    if len(raw) % 4:
        raise binascii.Error(f"{len(raw)} bytes are no float32")
    return np.frombuffer(raw, "<f4")


def _refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    """What the server says, in whichever form: {"error": {"message": ...}}, {"error": ...} or text."""
    text = error.read(1 << 16).decode("utf-8", "replace").strip()
    try:
        said = json.loads(text)["error"]
        text = said["message"] if isinstance(said, dict) else str(said)
    except (ValueError, KeyError, TypeError):
        pass
    message = f"{url}: {error.code} {error.reason}: {text[:_MAX_MESSAGE_CHARACTERS]}"
    return ValueError(message) if error.code in (400, 404, 413, 422) else OSError(message)


def _retry_after(value: str | None, otherwise: float) -> float:
    try:
        return min(max(float(value or ""), 0.0), _MAX_WAIT_SECONDS)
    except ValueError:
        return otherwise
