# SPDX-License-Identifier: Apache-2.0
"""A stand-in for minnow serve: the page's files and just enough of the HTTP interface, with faults on demand.

It shows states that the real server reaches only now and then: slow answers, refusals, passages still pending, texts
made to hurt. usage: stand_in.py [PORT] (then the page is at http://127.0.0.1:PORT/, over this repository's own files)
"""
import html
import http.server
import json
import pathlib
import re
import sys
import threading
import time
import types
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml"}
LANGUAGES = {".cc": "c++", ".h": "c++", ".py": "python", ".md": "markdown", ".js": "javascript", ".sh": "shell", ".css": "css"}
# The policy of src/api/page.cc, read there so that both are tested as one.
POLICY = "".join(re.findall(r'"([^"]*)"', re.search(r'kPolicy\[\] =((?:\s*"[^"]*")+);', (ROOT / "src/api/page.cc").read_text())[1]))


def words(text):
    return re.findall(r"\w+", text.lower())


class Refusal(Exception):
    def __init__(self, status, message, **headers):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


class Collection:
    """Documents in memory; a score is the share of the query's words that a document holds."""

    def __init__(self, name, documents):
        self.name, self.documents = name, {document["id"]: document for document in documents}
        self.words = {key: set(words(one.get("title", "") + " " + one.get("text", ""))) for key, one in self.documents.items()}
        self.pending = 0
        self.search_mode = None  # of Kuberian's functions: "semantic"

    def describe(self):
        chunks = 3 * len(self.documents)
        return {"name": self.name, "documents": len(self.documents), "chunks": chunks, "pending_chunks": self.pending,
                "text_fields": ["title", "text"], "id_field": "id",
                "model": {"name": "all-MiniLM-L6-v2", "dtype": "int8", "dimensions": 384},
                **({"search_mode": self.search_mode} if self.search_mode else {})}

    def passes(self, document, expression):
        """field = "x", field IN ["x", …], field STARTS WITH "x", joined by AND: what the page's own filters are."""
        for part in expression.split(" AND ") if expression else []:
            match = re.fullmatch(r'\(?`?(\w+)`? (=|IN|STARTS WITH) (.+?)\)?', part)
            if match is None:
                raise Refusal(400, f"filter: expected a condition at byte 0: '{part}'")
            field, operator, literal = match.groups()
            value = document.get(field)
            try:
                wanted = json.loads(literal)
            except ValueError:
                raise Refusal(400, f"filter: expected a value, got {literal}") from None
            if not (value == wanted if operator == "=" else value in wanted if operator == "IN" else
                    str(value).startswith(wanted)):
                return False
        return True

    def snippet(self, document, wanted):
        text = document.get("text", "")
        at = min((found for found in (text.lower().find(word) for word in wanted) if found >= 0), default=0)
        cut = text[max(0, at - 80):at + 160]
        marked = re.sub(r"\w+", lambda word: f"\1{word[0]}\2" if word[0].lower() in wanted else word[0], cut)
        return html.escape(marked).replace("\1", "<em>").replace("\2", "</em>")

    def passage(self, document, wanted):
        head, text = document.get("title", "") + "\n", document.get("text", "")
        at = min((found for found in (text.lower().find(word) for word in wanted) if found >= 0), default=0)
        begin = len((head + text[:at]).encode())
        return {"begin": begin, "end": begin + len(text[at:at + 300].encode())}

    def search(self, query, wanted, leave_out=None):
        found = []
        for document in self.documents.values():
            if document["id"] == leave_out or not self.passes(document, query.get("filter", "")):
                continue
            own = self.words[document["id"]]
            share = sum(w in own for w in wanted)
            if query.get("prefix") and wanted and wanted[-1] not in own:
                share += any(word.startswith(wanted[-1]) for word in own)
            if share > 0 or not wanted:
                found.append((min(1.0, share / max(1, len(wanted))) * (0.55 + 0.45 / (1 + len(own) / 400)), document))
        found.sort(key=lambda pair: (-pair[0], pair[1]["id"]))
        facets = {}
        for field in query.get("facets", []):
            counts = facets.setdefault(field, {})
            for _, document in found:
                if field in document:
                    counts[str(document[field])] = counts.get(str(document[field]), 0) + 1
        offset, attributes = query.get("offset", 0), query.get("attributes")
        hits = [{"id": document["id"], "score": round(score, 4), "semantic_score": round(score, 4), "lexical_score": round(9 * score, 3),
                 "snippet": self.snippet(document, wanted), "passage": self.passage(document, wanted),
                 "document": {k: v for k, v in document.items() if attributes is None or k in attributes}}
                for score, document in found[offset:offset + query.get("limit", 10)]]
        return {"query": query.get("q", ""), "hits": hits, "limit": query.get("limit", 10), "offset": offset,
                "estimated_total": len(found), "facets": facets, "timings": {"embed_ms": 1.2, "search_ms": 0.3}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body, content_type, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), "Cache-Control": "no-cache", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        try:
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # a search that was given up

    def answer(self, method):
        state = self.server.state
        if state.stopped:
            self.close_connection = True
            return
        size = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(size)) if size else {}
        url = urllib.parse.urlsplit(self.path)
        path = [urllib.parse.unquote(part) for part in url.path.split("/")[1:]]
        state.requests.append((method, url.path, body))
        try:
            if method == "GET" and (path == [""] or path[0] == "assets"):
                return self.send_file(WEB / (path[-1] or "index.html"))
            if state.key is not None and self.headers.get("Authorization") != f"Bearer {state.key}":
                raise Refusal(401, "an API key is needed")
            result = self.route(method, path, body, dict(urllib.parse.parse_qsl(url.query)))
        except Refusal as refusal:
            error = {"error": {"code": "code", "message": refusal.message}}
            return self.send(refusal.status, json.dumps(error).encode(), "application/json", **refusal.headers)
        if isinstance(result, str):
            return self.send(200, result.encode(), "text/plain; charset=utf-8")
        if isinstance(result, types.GeneratorType):
            return self.send_events(result)
        self.send(200, json.dumps(result).encode(), "application/json")

    def send_events(self, events):
        """Each an object, or bytes as they are to go over the wire."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for event in events:
                self.wfile.write(event if isinstance(event, bytes) else b"data:" + json.dumps(event, ensure_ascii=False).encode() + b"\n\n")
        except ConnectionError:
            self.server.state.left.append(self.path)
        self.close_connection = True

    def send_file(self, file):
        if not file.is_file():
            raise Refusal(404, "no such file")
        self.send(200, file.read_bytes(), TYPES[file.suffix], Content_Security_Policy=POLICY, X_Content_Type_Options="nosniff")

    def route(self, method, path, body, query):
        state = self.server.state
        for pattern, delay in state.delays.items():
            if pattern in body.get("q", ""):
                time.sleep(delay)
        if path == ["readyz"]:
            if state.loading:
                raise Refusal(503, state.loading)
            return "ready\n"
        if path == ["info"]:
            return next(one for one in state.models if query.get("model", one["model_id"]) == one["model_id"])
        if path == ["v1", "models"]:
            return {"object": "list", "data": [{"id": one["model_id"], "object": "model"} for one in state.models]}
        if "/".join(path) in state.answers:
            return state.answers["/".join(path)](body)
        if path[0] != "indexes" or state.collections is None:
            raise Refusal(404, "Not Found")
        if len(path) == 1:
            return {"results": [one.describe() for one in state.collections.values()], "total": len(state.collections)}
        collection = state.collections.get(path[1])
        if collection is None:
            raise Refusal(404, f"index: there is no '{path[1]}'")
        return self.collection_route(collection, path[2:], body, query)

    def collection_route(self, collection, path, body, query):
        state = self.server.state
        if path == ["search"]:
            if state.refusals and body.get("q"):
                raise state.refusals.pop(0)
            return collection.search(body, words(body.get("q", "")))
        if path == ["similar"]:
            like = collection.documents[body["id"]]
            return collection.search({**body, "attributes": None}, words(like.get("title", ""))[:6], leave_out=body["id"])
        if path == ["documents"]:
            offset, limit = int(query.get("offset", 0)), int(query.get("limit", 10))
            passed = [one for one in collection.documents.values() if collection.passes(one, query.get("filter", ""))]
            return {"results": passed[offset:offset + limit], "offset": offset, "limit": limit, "total": len(passed)}
        document = collection.documents.get(path[1])
        if document is None:
            raise Refusal(404, f"documents: there is no '{path[1]}'")
        return document

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")


def model(name, model_type, labels=(), **fields):
    """What /info says of a model. model_type: "classifier", "reranker" and so on."""
    kind = {"id2label": {str(i): label for i, label in enumerate(labels)}} if labels else {}
    return {"model_id": name, "model_dtype": "int8", "model_type": {model_type: kind}, "max_concurrent_requests": 512,
            "max_input_length": 256, "max_batch_tokens": 2048, "version": "0.1.0", **fields}


EMBEDDER = model("all-MiniLM-L6-v2", "embedding")


class StandIn:
    """A running stand-in. collections: name -> Collection, or None for a server without an index."""

    def __init__(self, collections, port=0):
        self.collections = collections
        self.delays = {}     # part of a query -> seconds before its answer
        self.refusals = []   # raised by the next searches
        self.models = [EMBEDDER]
        self.loading = ""    # why /readyz says no
        # path -> answer of a body, of what models do; a generator is a stream of events
        self.answers = {"embed": lambda body: [[1.0, 0.0], [0.8, 0.6]], "tokenize": lambda body: [[{}] * 9, [{}] * 11]}
        self.key = None
        self.stopped = False
        self.requests = []   # (method, path, body)
        self.left = []       # paths of streams that nobody read to the end
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.state = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopped = True  # connections that are open are closed at their next request
        self.server.shutdown()
        self.server.server_close()


def own_files():
    """This repository's documents and sources, a file a document."""
    for folder in ("docs", "src", "web", "scripts", "tests"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in LANGUAGES:
                path = file.relative_to(ROOT).as_posix()
                text = file.read_text(errors="replace")
                heading = re.match(r"# (.*)", text) if file.suffix == ".md" else None
                sections = [{"title": title} for title in re.findall(r"^##? (.*)$", text, re.MULTILINE)] if heading else []
                yield {"id": path, "title": heading[1] if heading else path, "path": path, "dir": str(pathlib.PurePosixPath(path).parent),
                       "lang": LANGUAGES[file.suffix], "kind": "text" if heading else "code",
                       "sections": sections, "text": text}


def main():
    documents = list(own_files())
    documents.append({"id": "long", "title": "A long file", "path": "src/long.cc", "dir": "src", "lang": "c++", "line": 1,
                      "text": (ROOT / "src/text/unicode.cc").read_text() * 100})
    server = StandIn({"default": Collection("default", documents)}, int(sys.argv[1]) if len(sys.argv) > 1 else 8090)
    print(f"http://127.0.0.1:{server.port}/")
    server.thread.join()


if __name__ == "__main__":
    main()
