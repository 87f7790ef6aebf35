# SPDX-License-Identifier: Apache-2.0
"""Where snapshots lie: a directory, a web server, or a bucket of S3 or of a store like it."""
from __future__ import annotations

import errno
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from minnow.sync import sigv4

_BLOCK = 1 << 20
_MAX_PUT_BYTES = 5 << 30  # of S3, in one request
_LEAST_BYTES_PER_SECOND = 1 << 16  # of a whole file: who sends less holds us up
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REFUSALS = {401: PermissionError, 403: PermissionError, 404: FileNotFoundError, 410: FileNotFoundError}
_OF_OUR_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_T = TypeVar("_T")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Not from https to anything else, and not of a signed request: its signature is for one host."""

    def redirect_request(self, request, file, code, message, headers, target):
        if request.has_header("Authorization") or not target.startswith(("https://", f"{request.type}://")):
            return None
        return super().redirect_request(request, file, code, message, headers, target)


_OPENER = urllib.request.build_opener(_Redirects)


class DirectoryStore:
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def read(self, name: str, limit: int) -> bytes:
        with open(self._path / name, "rb") as file:
            return file.read(limit + 1)

    def fetch(self, name: str, size: int, path: Path) -> None:
        with open(self._path / name, "rb") as source, open(path, "wb") as out:
            _copy(source, out, size, f"{self._path / name}")


class HttpStore:
    """Objects below an address, http:// or https://. An attempt that fails is made again, where the last one ended."""

    def __init__(self, url: str, *, timeout: float = 60.0, retries: int = 4) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
            raise ValueError(f"{url.partition('?')[0]!r}: not an http:// or https:// address without user and fragment")
        # A query goes with each request (Azure's shared access signatures are one), and is shown to nobody.
        self._base, _, query = url.partition("?")
        self._base, self._query = self._base.rstrip("/") + "/", f"?{query}" if query else ""
        self._timeout, self._retries = timeout, retries

    def read(self, name: str, limit: int) -> bytes:
        def attempt() -> bytes:
            with self._open("GET", name) as answer:
                raw = answer.read(limit + 1)
                if len(raw) <= limit and answer.length:
                    raise OSError(f"{self._base}{name}: cut off")
                return raw

        return self._retrying(attempt)

    def fetch(self, name: str, size: int, path: Path) -> None:
        def attempt() -> None:
            with open(path, "ab") as out:
                begin = out.tell()
                if begin >= size:  # of a former run; whether these are the right bytes is for the caller to find out
                    return
                with self._open("GET", name, {"Range": f"bytes={begin}-"} if begin else {}) as answer:
                    if begin and not (answer.headers.get("Content-Range") or "").startswith(f"bytes {begin}-"):
                        out.truncate(0)
                    _copy(answer, out, size, self._base + name, time.monotonic() + self._timeout + size / _LEAST_BYTES_PER_SECOND)

        self._retrying(attempt)

    def _headers(self, method: str, url: str, headers: dict[str, str], payload_sha256: str) -> dict[str, str]:
        return headers

    def _open(self, method: str, name: str, headers: dict[str, str] | None = None, body: BinaryIO | None = None,
              payload_sha256: str = sigv4.EMPTY_SHA256) -> Any:
        url = self._base + sigv4.quote(name)
        signed = self._headers(method, url + self._query, headers or {}, payload_sha256)
        request = urllib.request.Request(url + self._query, body, signed, method=method)
        try:
            return _OPENER.open(request, timeout=self._timeout)
        except urllib.error.HTTPError as error:
            with error:
                said = " ".join(re.findall(r"<(?:Code|Message)>([^<]{1,300})", error.read(1 << 16).decode("utf-8", "replace")))
            message = f"{url}: {error.code} {error.reason} {said}".rstrip()
            if error.code in (408, 429) or error.code >= 500:
                raise OSError(message) from None
            raise _REFUSALS.get(error.code, ValueError)(message) from None
        except urllib.error.URLError as error:
            raise OSError(f"{url}: {error.reason}") from None

    def _retrying(self, attempt: Callable[[], _T]) -> _T:
        for tries in range(self._retries):
            try:
                return attempt()
            except (FileNotFoundError, PermissionError):
                raise  # another try would hear the same
            except (OSError, http.client.HTTPException) as error:
                if getattr(error, "filename", None) is not None or getattr(error, "errno", None) in _OF_OUR_DISK:
                    raise
            time.sleep(min(0.5 * 2**tries, 30.0))
        try:
            return attempt()
        except http.client.HTTPException as error:
            raise OSError(f"{self._base}: {error!r}") from None


class S3Store(HttpStore):
    """s3://BUCKET/PREFIX, path-style, with the credentials and addresses of the AWS_ variables."""

    def __init__(self, url: str, *, endpoint: str | None = None, region: str | None = None, timeout: float = 60.0, retries: int = 4) -> None:
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise ValueError(f"{url!r}: {bucket!r} is no name of a bucket")
        self._region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        endpoint = (endpoint or f"https://s3.{self._region}.amazonaws.com").rstrip("/")
        self._credentials = sigv4.Credentials.from_environment()
        super().__init__(f"{endpoint}/{bucket}/{sigv4.quote(prefix.strip('/'))}", timeout=timeout, retries=retries)

    def _headers(self, method: str, url: str, headers: dict[str, str], payload_sha256: str) -> dict[str, str]:
        return sigv4.sign(method, url, headers, payload_sha256, self._credentials, self._region)

    def size(self, name: str) -> int | None:
        """None where there is no such object, or where we may not know of it."""
        def attempt() -> int | None:
            with self._open("HEAD", name) as answer:
                return int(answer.headers.get("Content-Length") or -1)

        try:
            return self._retrying(attempt)
        except (FileNotFoundError, PermissionError):
            return None

    def put(self, name: str, path: Path, cache_control: str) -> None:
        size = path.stat().st_size
        if size > _MAX_PUT_BYTES:
            raise ValueError(f"{path}: {size} bytes; one request to S3 takes {_MAX_PUT_BYTES}: copy larger ones with the store's own tool")
        digest = hashlib.sha256()
        with open(path, "rb") as body:
            while block := body.read(_BLOCK):
                digest.update(block)
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream", "Cache-Control": cache_control}

        def attempt() -> None:
            with open(path, "rb") as body, self._open("PUT", name, headers, body, digest.hexdigest()):
                pass

        self._retrying(attempt)


def open_store(where: str, *, endpoint: str | None = None, region: str | None = None, timeout: float = 60.0,
               retries: int = 4) -> DirectoryStore | HttpStore | S3Store:
    if where.startswith("s3://"):
        return S3Store(where, endpoint=endpoint, region=region, timeout=timeout, retries=retries)
    if "://" in where:
        return HttpStore(where, timeout=timeout, retries=retries)
    return DirectoryStore(where)


def _copy(source: Any, out: BinaryIO, size: int, name: str, deadline: float = float("inf")) -> None:
    """Until out has size bytes: not one more, and not one less."""
    out.seek(0, os.SEEK_END)
    have = out.tell()
    while have < size:
        block = source.read(min(_BLOCK, size - have))
        if not block:
            raise OSError(f"{name}: ends after {have} of {size} bytes")
        have += out.write(block)
        if time.monotonic() > deadline:
            raise OSError(f"{name}: {have} of {size} bytes in time, below {_LEAST_BYTES_PER_SECOND} bytes a second")
    if source.read(1):
        raise ValueError(f"{name}: more than the {size} bytes that the manifest says")
