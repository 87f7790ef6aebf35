#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs an unpacked image as a container runtime would, and reports as JSON what it saw. Meant to be started by
`unshare --net --mount [--user --map-root-user]`, so that it has a network and mounts of its own.

usage: inside.py ROOT CONFIG REQUEST     CONFIG: the image's "config" object; REQUEST: {"path", "body"}; both as JSON
The program gets the root file system read-only, no capabilities, the image's user and environment, and no network but
loopback. Its log goes to standard error.
"""
import fcntl
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

PATIENCE = 30  # seconds
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def raise_loopback():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))


def mount_read_only(root):
    subprocess.run(["mount", "--bind", root, root], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro,nosuid,nodev", root], check=True)


def in_image(root, config, command, **options):
    """Starts a command of the image in it. Root's own namespace lets us become the user; in a namespace of our own
    there is only one user, which gets the number."""
    user, group = config["User"].split(":")
    mapped = open("/proc/self/uid_map", encoding="ascii").read().split()[2] == "1"
    become = ["--user", f"--map-user={user}", f"--map-group={group}"] if mapped else [f"--setgid={group}", f"--setuid={user}"]
    env = dict(pair.split("=", 1) for pair in config["Env"])
    path = {"PATH": os.environ["PATH"]}  # for unshare itself
    return subprocess.Popen(["unshare", *become, f"--root={root}", "--wd=/", "--", *command], env={**env, **path},
                            stdin=subprocess.DEVNULL, **options)


def run_in_image(root, config, command):
    process = in_image(root, config, command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = process.communicate(timeout=PATIENCE)[0].decode()
    return {"code": process.returncode, "said": said}


def ask(method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        return {"status": response.status, "body": response.read().decode()}
    except OSError as error:
        return {"status": 0, "body": str(error)}
    finally:
        connection.close()


def wait_healthy(process):
    end = time.monotonic() + PATIENCE
    health = {"status": 0}
    while health["status"] != 200 and time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
        health = ask("GET", "/health")
    return health


def half_a_request(path):
    """A connection whose request never ends."""
    connection = socket.create_connection(("127.0.0.1", 8080), timeout=PATIENCE)
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{{".encode())
    return connection


def look_at(process):
    """What the kernel says of the running program."""
    def read(name):
        with open(f"/proc/{process.pid}/{name}", encoding="utf-8") as file:
            return file.read()
    status = dict(line.split(":\t", 1) for line in read("status").splitlines() if ":\t" in line)
    return {"uids": status["Uid"].split(), "gids": status["Gid"].split(), "capabilities": int(status["CapEff"], 16),
            "executable": os.readlink(f"/proc/{process.pid}/exe"), "root_options": read("mountinfo").splitlines()[-1].split()[5],
            "interfaces": [line.split(":")[0].strip() for line in read("net/dev").splitlines()[2:]],
            "resident_bytes": 1024 * int(status["VmRSS"].split()[0])}


def main():
    root, config, request = os.path.realpath(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
    health_command = config["Healthcheck"]["Test"]
    assert health_command[0] == "CMD", health_command
    raise_loopback()
    mount_read_only(root)
    report = {"check_before": run_in_image(root, config, health_command[1:])}
    begin = time.monotonic()
    process = in_image(root, config, config["Entrypoint"] + config["Cmd"], stdout=sys.stderr)
    try:
        report["health"] = wait_healthy(process)
        report["seconds_to_health"] = time.monotonic() - begin
        report["check"] = run_in_image(root, config, health_command[1:])
        report["answer"] = ask("POST", request["path"], json.dumps(request["body"]))
        report["process"] = look_at(process)
        with half_a_request(request["path"]):
            time.sleep(0.2)  # it has been read
            begin = time.monotonic()
            process.send_signal(signal.SIGTERM)
            report["exit_code"] = process.wait(PATIENCE)
            report["seconds_to_exit"] = time.monotonic() - begin
        report["check_after"] = run_in_image(root, config, health_command[1:])
    finally:
        process.kill()
        process.wait()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
