#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three replicas behind nginx and HAProxy, under load, while an index is written to, its snapshots are published and
replicas are killed; then snapshots that are cut, flipped and of another model.

usage: bench/replicas.py [--seconds 120] [--publish 5] [--restart 10] [--clients 2] [--documents 200] [--model DIR] [--other DIR]
Fails (1) on a failed request, on a page that holds two states of the index, on a generation that has two states, and
where a bad snapshot is taken. Installs Debian's nginx-light and haproxy where they are missing.
"""
import argparse
import collections
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = os.environ.get("MINNOW_PROGRAM") or str(ROOT / "build/release/minnow")
FIXTURES = ROOT / "tests/fixtures"
WAIT_SECONDS = 60

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; proxy_buffers 16 64k; proxy_buffer_size 64k;
  upstream minnow {{ {servers} keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location /snapshots/ {{ root {folder}; }}
    location / {{
      proxy_pass http://minnow; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_next_upstream error timeout http_503 non_idempotent; proxy_connect_timeout 1s;
    }}
  }}
}}
"""
HAPROXY = """
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
frontend all
  bind 127.0.0.1:{port}
  default_backend minnow
backend minnow
  option httpchk GET /readyz
  option redispatch 1
  option http-buffer-request
  retries 3
  retry-on all-retryable-errors
  default-server check inter 500ms fall 1 rise 1
{servers}
"""


def install():
    missing = [package for name, package in (("nginx", "nginx-light"), ("haproxy", "haproxy"))
               if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    if missing:
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run([*sudo, "apt-get", "install", "-y", "--no-install-recommends", *missing], check=True,
                       stdout=subprocess.DEVNULL, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    os.environ["PATH"] += ":/usr/sbin:/sbin"


def free_ports(count):
    """Different ones: all are held until all are known."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def ask(port, method, path, body=None, timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    finally:
        connection.close()


def wait_until(condition, what):
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"waited {WAIT_SECONDS} s for {what}")


class Replica:
    def __init__(self, port, source, args, folder, cache):
        self.port, self.folder, self.process = port, folder, None
        self.command = [PROGRAM, "serve", "--model", args.model, "--host", "127.0.0.1", "--port", str(port), "--index-from", source,
                        "--refresh", "1s", "--shutdown-delay-seconds", "1", "--threads", "1",
                        *(["--index-cache", str(folder / f"cache-{port}")] if cache else [])]
        self.start()

    def start(self):
        with open(self.folder / f"replica-{self.port}.log", "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=log)

    def restart(self, number):
        self.process.send_signal(number)
        self.process.wait(WAIT_SECONDS)
        self.start()
        wait_until(self.ready, "a restarted replica")

    def ready(self):
        return ask(self.port, "GET", "/readyz")[0] == 200

    def metric(self, name):
        for line in ask(self.port, "GET", "/metrics")[1].decode().splitlines():
            if line.startswith(name + " "):
                return int(float(line.split()[1]))
        return 0


class Load:
    """Clients that search through the balancers, and look at each page."""

    def __init__(self, ports, args):
        self.documents, self.ended, self.lock = args.documents, False, threading.Lock()
        self.names = dict(zip(ports, ("nginx", "HAProxy")))
        self.failed, self.mixed, self.milliseconds = [], [], []
        self.marks = collections.defaultdict(set)  # generation -> states that were seen of it
        self.threads = [threading.Thread(target=self.run, args=(port, number)) for port in ports for number in range(args.clients)]
        for thread in self.threads:
            thread.start()

    def run(self, port, number):
        body = {"q": "fish", "limit": self.documents, "attributes": ["mark"], "semantic_ratio": 0.5 * (number % 2)}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while not self.ended:
            begin = time.monotonic()
            try:
                connection.request("POST", "/indexes/docs/search", json.dumps(body), {"Content-Type": "application/json"})
                response = connection.getresponse()
                status, text, generation = response.status, response.read(), response.headers.get("X-Index-Generation")
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                status, text, generation = 0, repr(error).encode(), None
            took = (time.monotonic() - begin) * 1000
            with self.lock:
                self.milliseconds.append(took)
                if status != 200:
                    self.failed.append((self.names[port], status, text[:200]))
                    continue
                marks = [hit["document"]["mark"] for hit in json.loads(text)["hits"]]
                self.marks[generation].update(marks)
                if len(marks) != self.documents or len(set(marks)) != 1:
                    self.mixed.append((generation, len(marks), sorted(set(marks))))

    def end(self):
        self.ended = True
        for thread in self.threads:
            thread.join()

    def report(self):
        times = sorted(self.milliseconds)
        two_states = {generation: marks for generation, marks in self.marks.items() if len(marks) > 1}
        print(f"{len(times)} requests, {len(self.failed)} failed, {len(self.mixed)} mixed pages, {len(self.marks)} generations seen, "
              f"{len(two_states)} with two states; ms p50 {times[len(times) // 2]:.1f}, p99 {times[len(times) * 99 // 100]:.1f}, "
              f"most {times[-1]:.1f}")
        for name in ("failed", "mixed"):
            for one in getattr(self, name)[:5]:
                print(f"  {name}: {one}")
        return not (self.failed or self.mixed or two_states)


class Writer:
    """A server that takes documents: all of them anew, in one request, each with the same mark."""

    def __init__(self, port, args, folder):
        self.port, self.mark, self.args, self.folder = port, 0, args, folder
        self.store, self.ended, self.published = str(folder / "my.db"), False, 0
        with open(folder / "writer.log", "wb") as log:
            self.process = subprocess.Popen([PROGRAM, "serve", "--model", args.model, "--host", "127.0.0.1", "--port", str(port), "--index",
                                             self.store, "--threads", "1"], stdout=subprocess.DEVNULL, stderr=log)
        wait_until(lambda: ask(port, "GET", "/readyz")[0] == 200, "the writer")
        self.write()
        self.publish()
        self.threads = [threading.Thread(target=self.keep_at, args=(self.write, 1)),
                        threading.Thread(target=self.keep_at, args=(self.publish, args.publish))]

    def write(self):
        self.mark += 1
        documents = [{"id": str(i), "mark": self.mark, "text": f"fish {i} of {self.mark}"} for i in range(self.args.documents)]
        status, body, _ = ask(self.port, "POST", "/indexes/docs/documents", documents)
        if status not in (200, 202):
            raise SystemExit(f"documents were refused: {status} {body}")

    def publish(self):
        told = json.loads(snapshot(self.store, self.folder / "snapshots"))
        self.published = told["generation"]

    def keep_at(self, work, seconds):
        next_time = time.monotonic() + seconds
        while not self.ended:
            time.sleep(min(0.1, max(0, next_time - time.monotonic())))
            if time.monotonic() >= next_time:
                work()
                next_time += seconds

    def end(self):
        self.ended = True
        for thread in self.threads:
            thread.join()


def snapshot(store, folder):
    return subprocess.run([PROGRAM, "index", "snapshot", "--index", store, "-o", str(folder), "--json"], check=True, capture_output=True,
                          text=True).stdout


def replace(folder, name, data):
    (folder / "new").write_bytes(data)
    os.replace(folder / "new", folder / name)


def bad_snapshots(folder, other):
    """(what, a function that puts it there)"""
    snapshots = folder / "snapshots"
    good = (snapshots / "snapshot.json").read_bytes()
    store = json.loads(good)["files"][0]["name"]
    flipped = bytearray(good)
    flipped[len(flipped) // 2] ^= 1

    def another_model():
        work = folder / "other"
        records = folder / "other.jsonl"
        records.write_text('{"id": "a", "text": "a fish"}\n')
        subprocess.run([PROGRAM, "index", "add", str(records), "--index", str(folder / "other.db"), "--model", other], check=True,
                       capture_output=True)
        snapshot(str(folder / "other.db"), work)
        for file in json.loads((work / "snapshot.json").read_bytes())["files"]:
            shutil.copy(work / file["name"], snapshots)
        replace(snapshots, "snapshot.json", (work / "snapshot.json").read_bytes())

    def damaged_store():
        """The next generation, whose store is flipped before the manifest that names it can be seen."""
        work = folder / "next"
        shutil.copytree(snapshots, work)
        subprocess.run([PROGRAM, "index", "delete", "0", "--index", str(folder / "my.db"), "--name", "docs"], check=True, capture_output=True)
        snapshot(str(folder / "my.db"), work)
        manifest = (work / "snapshot.json").read_bytes()
        for file in json.loads(manifest)["files"]:
            data = bytearray((work / file["name"]).read_bytes())
            data[len(data) // 2] ^= 1
            (snapshots / file["name"]).write_bytes(data)
        replace(snapshots, "snapshot.json", manifest)

    yield "a manifest that is cut", lambda: replace(snapshots, "snapshot.json", good[:-20])
    yield "a manifest that is flipped", lambda: replace(snapshots, "snapshot.json", bytes(flipped))
    yield "vectors of another model", another_model
    yield "a store that is flipped", damaged_store
    yield f"no manifest ({store} is served)", (snapshots / "snapshot.json").unlink


def run_all(args, folder, processes):
    nginx, haproxy, writer_port, *ports = free_ports(6)
    writer = Writer(writer_port, args, folder)
    processes.append(writer.process)
    (folder / "nginx.conf").write_text(NGINX.format(
        folder=folder, port=nginx, servers=" ".join(f"server 127.0.0.1:{port} max_fails=1 fail_timeout=2s;" for port in ports)))
    (folder / "haproxy.cfg").write_text(HAPROXY.format(
        port=haproxy, servers="\n".join(f"  server r{port} 127.0.0.1:{port}" for port in ports)))
    for command in (["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], ["haproxy", "-q", "-f", str(folder / "haproxy.cfg")]):
        processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    sources = (str(folder / "snapshots"), *[f"http://127.0.0.1:{nginx}/snapshots"] * 2)
    # A folder, and over HTTP with files that outlive a restart and without.
    replicas = [Replica(port, source, args, folder, cache) for port, source, cache in zip(ports, sources, (False, True, False))]
    processes.extend(replicas)
    for replica in replicas:
        wait_until(replica.ready, "a replica")
    wait_until(lambda: all(ask(port, "GET", "/readyz")[0] == 200 for port in (nginx, haproxy)), "the balancers")
    load = Load((nginx, haproxy), args)
    for thread in writer.threads:
        thread.start()
    begin, restarts = time.monotonic(), 0
    while time.monotonic() - begin < args.seconds:
        time.sleep(max(0, begin + args.restart * (restarts + 1) - time.monotonic()))
        replicas[restarts % 3].restart((signal.SIGKILL, signal.SIGTERM)[restarts // 3 % 2])
        restarts += 1
    writer.end()
    load.end()
    print(f"{args.seconds} s, {writer.published} generations published, {writer.mark} states written, {restarts} restarts:")
    good = load.report() and refuses_bad_ones(args, folder, (nginx, haproxy), replicas, writer.published)
    return good


def refuses_bad_ones(args, folder, balancers, replicas, published):
    wait_until(lambda: all(replica.metric("minnow_index_generation") == published for replica in replicas), "the last generation")
    good = True
    load = Load(balancers, args)
    for what, put in bad_snapshots(folder, args.other):
        put()
        before = [replica.metric("minnow_index_refresh_failures_total") for replica in replicas]
        wait_until(lambda: all(replica.metric("minnow_index_refresh_failures_total") >= count + 2
                               for replica, count in zip(replicas, before)), f"{what} to be refused")
        served = [replica.metric("minnow_index_generation") for replica in replicas]
        print(f"{what}: refused, {served} served")
        good &= served == [published] * 3
    load.end()
    return load.report() and good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--publish", type=float, default=5, help="seconds between snapshots")
    parser.add_argument("--restart", type=float, default=10, help="seconds between restarts of a replica")
    parser.add_argument("--clients", type=int, default=2, help="of each balancer")
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--model", default=str(FIXTURES / "tiny_bert"))
    parser.add_argument("--other", default=str(FIXTURES / "tiny_roberta"))
    args = parser.parse_args()
    install()
    processes = []
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)  # nginx' workers are another user
        try:
            good = run_all(args, pathlib.Path(name), processes)
        finally:
            for process in processes:
                process = process.process if isinstance(process, Replica) else process
                process.terminate()
                process.wait(WAIT_SECONDS)
    print("good" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
