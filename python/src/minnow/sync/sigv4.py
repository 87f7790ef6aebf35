# SPDX-License-Identifier: Apache-2.0
"""AWS Signature Version 4 of requests to S3 and stores like it, in the Authorization header."""
from __future__ import annotations

import hashlib
import hmac
import os
import urllib.parse
from dataclasses import dataclass, field
from datetime import datetime, timezone

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Credentials:
    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    @staticmethod
    def from_environment() -> Credentials:
        key_id, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
        if not key_id or not secret:
            raise ValueError("s3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set")
        return Credentials(key_id, secret, os.environ.get("AWS_SESSION_TOKEN") or None)


def quote(text: str) -> str:
    """As AWS encodes a path: all but letters, digits and -._~ ; slashes stay."""
    return urllib.parse.quote(text, safe="/-._~")


def sign(
    method: str,
    url: str,
    headers: dict[str, str],
    payload_sha256: str,
    credentials: Credentials,
    region: str,
    now: datetime | None = None,
) -> dict[str, str]:
    """The headers with those that S3 wants, all of them signed. url: its path is encoded already, once."""
    parts = urllib.parse.urlsplit(url)
    stamp = (now or datetime.now(timezone.utc)).strftime("%Y%m%dT%H%M%SZ")
    signed = {**headers, "Host": parts.netloc, "x-amz-content-sha256": payload_sha256, "x-amz-date": stamp}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    lines = sorted((name.lower(), " ".join(value.split())) for name, value in signed.items())
    names = ";".join(name for name, _ in lines)
    query = "&".join(sorted(
        f"{urllib.parse.quote(name, safe='-._~')}={urllib.parse.quote(value, safe='-._~')}"
        for name, value in urllib.parse.parse_qsl(parts.query, keep_blank_values=True)))
    canonical = "\n".join([method, parts.path or "/", query, *(f"{name}:{value}" for name, value in lines), "", names, payload_sha256])
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials.secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    signed["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.key_id}/{scope},SignedHeaders={names},Signature={signature}")
    return signed
