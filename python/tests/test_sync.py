# SPDX-License-Identifier: Apache-2.0
"""minnow-sync: manifests, checksums, signatures, mirrors that fail in every way, pushes. Needs the standard library only."""
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock
import urllib.request
from datetime import datetime

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import sync_fixture as fixture  # noqa: E402

manifest, mirror, sigv4, stores, xxh64 = map(fixture.sync_module, ("manifest", "mirror", "sigv4", "stores", "xxh64"))
WAIT_SECONDS = 60
EMPTY = sigv4.EMPTY_SHA256
AWS = {"AWS_ACCESS_KEY_ID": fixture.KEY_ID, "AWS_SECRET_ACCESS_KEY": fixture.SECRET, "AWS_SESSION_TOKEN": fixture.TOKEN,
       "AWS_REGION": fixture.REGION}


class ChecksumTest(unittest.TestCase):
    def test_known_values(self):
        known = {b"": "ef46db3751d8e999", b"a": "d24ec4f1a98c6e5b", b"abc": "44bc2cf5ad770999",
                 b"Nobody inspects the spammish repetition": "fbcea83c8a378bf1"}
        for data, digest in known.items():
            self.assertEqual(f"{xxh64.plain(data):016x}", digest)
            self.assertEqual(xxh64.of_bytes(data), digest)

    def test_the_extension_computes_the_same(self):
        data = bytes(i * 7 % 256 for i in range(150))
        for size in range(len(data)):
            self.assertEqual(xxh64.of_bytes(data[:size]), f"{xxh64.plain(data[:size]):016x}", size)


class SignatureTest(unittest.TestCase):
    """The examples that AWS publishes for S3 (Authenticating Requests, Authorization header)."""

    def signature(self, method, path, headers=None, payload=EMPTY):
        key = sigv4.Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        signed = sigv4.sign(method, "https://examplebucket.s3.amazonaws.com" + path, headers or {}, payload, key, "us-east-1",
                            datetime(2013, 5, 24))
        return signed["Authorization"].rpartition("Signature=")[2]

    def test_published_examples(self):
        self.assertEqual(self.signature("GET", "/test.txt", {"Range": "bytes=0-9"}),
                         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
        self.assertEqual(
            self.signature("PUT", "/" + sigv4.quote("test$file.text"),
                           {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
                           "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
        self.assertEqual(self.signature("GET", "/?lifecycle"), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
        self.assertEqual(self.signature("GET", "/?max-keys=2&prefix=J"), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")

    def test_secrets_are_not_shown(self):
        self.assertNotIn("hidden", repr(sigv4.Credentials("id", "hidden", "hidden")))


class ManifestTest(unittest.TestCase):
    def test_takes_a_good_one(self):
        objects = fixture.snapshot(7)
        read = manifest.parse(objects["snapshot.json"])
        self.assertEqual(read.generation, 7)
        self.assertEqual([file.name for file in read.files], [name for name in objects if name != "snapshot.json"])
        self.assertEqual(read.bytes, sum(len(data) for name, data in objects.items() if name != "snapshot.json"))

    def test_refuses_and_says_why(self):
        digest = "0123456789abcdef"
        store = {"name": f"7-{digest}.db", "bytes": 5, "xxh64": digest}
        beside = {**store, "name": store["name"] + "-vectors-1"}
        good = fixture.manifest_of(7, [store, beside])
        self.assertEqual(manifest.parse(good).bytes, 10)
        bad = {
            "checksum differs": good[:-5] + b"5" + good[-4:],
            "does not begin": good[1:],
            "above 1048576": b" " * (1 << 20) + good,
            "format": fixture.manifest_of(7, [store], format="other"),
            "version": fixture.manifest_of(7, [store], version=2),
            "program": fixture.manifest_of(7, [store], program=None),
            "generation: out of range": fixture.manifest_of(0, [store]),
            "generation: absent, or not of type int": fixture.manifest_of(True, [store]),
            "files: 0": fixture.manifest_of(7, []),
            "files[0]: no object": fixture.manifest_of(7, [5]),
            "files[0].bytes": fixture.manifest_of(7, [{**store, "bytes": 5.0}]),
            "files[0].bytes: out": fixture.manifest_of(7, [{**store, "bytes": 0}]),
            "files[0].xxh64": fixture.manifest_of(7, [{**store, "xxh64": digest.upper()}]),
            "files[0].name": fixture.manifest_of(7, [{**store, "name": "../../etc/passwd"}]),
            "files[1].name": fixture.manifest_of(7, [store, {**beside, "name": store["name"] + "-vectors-1/../x"}]),
            "a name stands twice": fixture.manifest_of(7, [store, beside, beside]),
            "bytes together": fixture.manifest_of(7, [{**store, "bytes": 1 << 44}, beside]),
            "twice in an object": fixture.with_checksum(b'"format":"minnow-snapshot","format":"x"}'),
            "NaN": fixture.with_checksum(b'"format":NaN}'),
            "snapshot.json: ": fixture.with_checksum(b'"format":' + b"[" * 100_000 + b"}"),
            "utf-8": fixture.with_checksum(b'"format":"\xff"}'),
        }
        for why, raw in bad.items():
            with self.assertRaises(ValueError) as caught:
                manifest.parse(raw)
            self.assertIn(why, str(caught.exception))


class FolderTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.target = self.folder / "target"
        # The pauses between attempts are not what is tested.
        self.enterContext(unittest.mock.patch.object(stores.time, "sleep"))

    def server(self, **options):
        server = fixture.Server(**options)
        self.addCleanup(server.close)
        return server

    def files(self):
        return {path.name: path.read_bytes() for path in self.target.iterdir() if path.is_file()}


class MirrorTest(FolderTest):
    def setUp(self):
        super().setUp()
        self.http = self.server()
        self.source = stores.open_store(self.http.url + "/some/where/")
        self.first, self.second = fixture.snapshot(1), fixture.snapshot(2)
        self.http.publish("/some/where", self.first)

    def test_brings_a_generation_and_then_the_next(self):
        self.assertEqual(mirror.mirror(self.source, self.target).generation, 1)
        self.assertEqual(self.files(), self.first)
        self.assertFalse((self.target / ".writing").exists())
        self.assertIsNone(mirror.mirror(self.source, self.target))
        self.http.publish("/some/where", self.second)
        self.assertEqual(mirror.mirror(self.source, self.target).generation, 2)
        self.assertEqual(self.files(), {**self.first, **self.second})

    def test_older_generations_go_and_other_files_stay(self):
        self.target.mkdir()
        (self.target / "notes.db").write_text("mine")
        for generation in range(1, 6):
            self.http.publish("/some/where", fixture.snapshot(generation))
            mirror.mirror(self.source, self.target, keep=1)
        self.assertEqual(self.files(), {"notes.db": b"mine", **fixture.snapshot(4), **fixture.snapshot(5)})

    def test_makes_room_before_it_fetches(self):
        for generation in (1, 2, 3):
            self.http.publish("/some/where", fixture.snapshot(generation))
            mirror.mirror(self.source, self.target, keep=2)
        (self.target / ".writing").mkdir()
        (self.target / ".writing/3-left-over.db").write_bytes(b"of a round that was killed")
        self.http.publish("/some/where", fixture.snapshot(4))

        def full(handler):  # what is there while the first file comes
            self.there = self.files()
            self.left = list((self.target / ".writing").iterdir())
            return False

        self.http.faults[:] = [lambda handler: False, full]
        mirror.mirror(self.source, self.target, keep=2)
        self.assertEqual(self.there, {**fixture.snapshot(2), **fixture.snapshot(3)})
        self.assertNotIn("3-left-over.db", [path.name for path in self.left])

    def test_a_full_disk_is_told_at_once(self):
        self.target.mkdir()
        with unittest.mock.patch.object(stores, "_copy", side_effect=OSError(28, "No space left on device")), \
                self.assertRaises(OSError) as caught:
            self.source.fetch("snapshot.json", 100, self.target / "snapshot.json")
        self.assertEqual(caught.exception.errno, 28)
        self.assertEqual(len(self.http.seen), 1)

    def refused(self, *faults, error=(OSError, ValueError), saying=""):
        """The second generation meets these faults: the first stays, and a round without faults brings the second."""
        mirror.mirror(self.source, self.target)
        self.http.publish("/some/where", self.second)
        self.http.faults[:] = [lambda handler: False, *faults]
        with self.assertRaises(error) as caught:
            mirror.mirror(self.source, self.target)
        self.assertIn(saying, str(caught.exception))
        self.assertEqual(self.files()["snapshot.json"], self.first["snapshot.json"])
        self.http.faults.clear()
        mirror.mirror(self.source, self.target)
        self.assertEqual(self.files(), {**self.first, **self.second})

    def other(self, change):
        """A fault: the object, but changed."""
        return lambda handler: handler.answer(200, change(self.http.objects[handler.path]))

    def test_a_flipped_byte(self):
        self.refused(self.other(lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:]), saying="checksum")

    def test_too_many_bytes(self):
        self.refused(self.other(lambda data: data + b"more"), error=ValueError, saying="more than")

    def test_cut_for_good(self):
        self.refused(*[self.other(lambda data: data[:-1])] * 9, error=OSError, saying="ends after")

    def test_missing(self):
        self.refused(lambda handler: handler.answer(404), error=FileNotFoundError, saying="404")

    def test_forbidden(self):
        self.refused(lambda handler: handler.answer(403, b"<Code>AccessDenied</Code>"), error=PermissionError, saying="AccessDenied")

    def test_a_server_that_fails_for_good(self):
        self.refused(*[lambda handler: handler.answer(503)] * 9, error=OSError, saying="503")

    def test_redirects(self):
        self.refused(lambda handler: handler.answer(302, headers=[("Location", "file:///etc/passwd")]), saying="302")

        def followed(url, target, **headers):
            request = urllib.request.Request(url, headers=headers)
            return stores._Redirects().redirect_request(request, None, 302, "Found", {}, target) is not None

        self.assertTrue(followed("https://a/x", "https://b/x"))
        self.assertTrue(followed("http://a/x", "http://b/x"))
        self.assertFalse(followed("https://a/x", "http://b/x"))
        self.assertFalse(followed("https://a/x", "https://b/x", Authorization="AWS4-HMAC-SHA256 ..."))

    def test_a_manifest_that_is_none(self):
        mirror.mirror(self.source, self.target)
        for raw in (b"", b"<html>", self.second["snapshot.json"][:-1], b"x" * (2 << 20)):
            self.http.objects["/some/where/snapshot.json"] = raw
            with self.assertRaises(ValueError):
                mirror.mirror(self.source, self.target)
            self.assertEqual(self.files(), self.first)

    def test_what_is_cut_goes_on_where_it_was(self):
        def cut(handler):
            body = self.http.objects[handler.path]
            handler.answer(200, body[:1000], length=len(body))
            handler.close_connection = True

        self.http.faults[:] = [lambda handler: handler.answer(503), lambda handler: False, cut]
        self.assertEqual(mirror.mirror(self.source, self.target).generation, 1)
        self.assertEqual(self.files(), self.first)
        self.assertIn("bytes=1000-", [seen[2] for seen in self.http.seen])

    def test_a_server_without_ranges(self):
        def cut(handler):
            handler.answer(200, b"wrong", length=40_000)
            handler.close_connection = True

        whole = self.other(lambda data: data)
        self.http.faults[:] = [lambda handler: False, cut, whole]
        self.assertEqual(mirror.mirror(self.source, self.target).generation, 1)
        self.assertEqual(self.files(), self.first)

    def test_goes_on_after_a_kill(self):
        name, data = next(iter(self.first.items()))
        (self.target / ".writing/folder").mkdir(parents=True)
        (self.target / ".writing" / name).write_bytes(data[:77])
        (self.target / ".writing/left-over").write_bytes(b"of another")
        mirror.mirror(self.source, self.target)
        self.assertEqual(self.files(), self.first)
        self.assertIn(("GET", f"/some/where/{name}", "bytes=77-"), self.http.seen)

    def test_a_damaged_or_missing_file_is_brought_again(self):
        name, data = next(iter(self.first.items()))
        mirror.mirror(self.source, self.target)
        (self.target / name).unlink()
        self.assertIsNotNone(mirror.mirror(self.source, self.target))
        (self.target / name).write_bytes(data[:-1])
        self.assertIsNotNone(mirror.mirror(self.source, self.target))
        self.assertEqual(self.files(), self.first)

    def test_a_query_goes_with_each_request_and_into_no_message(self):
        source = stores.open_store(self.http.url + "/some/where?sig=hidden")
        with self.assertRaises(FileNotFoundError) as caught:
            mirror.mirror(source, self.target)
        self.assertEqual(self.http.seen[-1][1], "/some/where/snapshot.json?sig=hidden")
        self.assertNotIn("hidden", str(caught.exception))

    def test_limits(self):
        with self.assertRaisesRegex(ValueError, "limit 1000"):
            mirror.mirror(self.source, self.target, max_bytes=1000)
        self.assertEqual(self.files(), {})

    def test_one_writer_at_a_time(self):
        self.target.mkdir()
        descriptor = os.open(self.target, os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with self.assertRaisesRegex(OSError, "another process writes"):
            mirror.mirror(self.source, self.target)

    def test_of_a_directory(self):
        mirror.mirror(self.source, self.target)
        copy = self.folder / "copy"
        self.assertEqual(mirror.mirror(stores.open_store(str(self.target)), copy).generation, 1)
        self.assertEqual({path.name: path.read_bytes() for path in copy.iterdir()}, self.first)


class S3Test(FolderTest):
    def setUp(self):
        super().setUp()
        self.enterContext(unittest.mock.patch.dict(os.environ, AWS))
        self.s3 = self.server(signed=True)
        self.local = self.folder / "local"
        self.local.mkdir()
        for name, data in fixture.snapshot(3).items():
            (self.local / name).write_bytes(data)

    def store(self, where="s3://a-bucket/a prefix/ü"):
        return stores.open_store(where, endpoint=self.s3.url)

    def test_push_and_mirror(self):
        self.assertEqual(mirror.push(self.local, self.store()).generation, 3)
        self.assertEqual(self.s3.objects, {f"/a-bucket/a prefix/ü/{name}": data for name, data in fixture.snapshot(3).items()})
        puts = [seen[1] for seen in self.s3.seen if seen[0] == "PUT"]
        self.assertTrue(puts[-1].endswith("/snapshot.json"))
        self.assertIsNone(mirror.push(self.local, self.store()))
        self.assertEqual(len([seen for seen in self.s3.seen if seen[0] == "PUT"]), len(puts))
        self.assertEqual(mirror.mirror(self.store(), self.target).generation, 3)
        self.assertEqual(self.files(), fixture.snapshot(3))

    def test_a_damaged_directory_is_not_pushed(self):
        path = next(path for path in self.local.iterdir() if path.name.endswith("-vectors-1"))
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        with self.assertRaisesRegex(ValueError, "not the file of the manifest"):
            mirror.push(self.local, self.store())
        self.assertNotIn("/a-bucket/a prefix/ü/snapshot.json", self.s3.objects)

    def test_another_key_is_refused_by_its_name(self):
        with unittest.mock.patch.dict(os.environ, {"AWS_SECRET_ACCESS_KEY": "wrong"}):
            with self.assertRaisesRegex(PermissionError, "SignatureDoesNotMatch"):
                mirror.mirror(self.store(), self.target)

    def test_wrong_settings(self):
        for where in ("s3://", "s3://UPPER/x", "s3:///x"):
            with self.assertRaisesRegex(ValueError, "no name of a bucket"):
                self.store(where)
        with unittest.mock.patch.dict(os.environ), self.assertRaisesRegex(ValueError, "AWS_ACCESS_KEY_ID"):
            del os.environ["AWS_ACCESS_KEY_ID"]
            self.store()
        for where in ("ftp://x/y", "https://user:secret@host/x", "http://x/#y", "https://"):
            with self.assertRaises(ValueError):
                stores.open_store(where)


class CommandTest(FolderTest):
    PROGRAM = ("import sys; sys.path.insert(0, sys.argv.pop(1)); import sync_fixture;"
               "sys.exit(sync_fixture.sync_module('__main__').main())")

    def start(self, *arguments):
        process = subprocess.Popen([sys.executable, "-c", self.PROGRAM, str(pathlib.Path(__file__).parent), *map(str, arguments)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        bound = threading.Timer(WAIT_SECONDS, process.kill)  # whoever waits for a line of it waits no longer
        bound.start()
        self.addCleanup(lambda: (bound.cancel(), process.kill(), process.communicate()))
        return process

    def run_command(self, *arguments):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=WAIT_SECONDS)
        return process.returncode, out, err

    def test_exit_codes(self):
        http = self.server()
        http.publish("/x", fixture.snapshot(4))
        code, out, err = self.run_command(http.url + "/x", self.target)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("generation 4, 2 files", out)
        code, _, err = self.run_command(http.url + "/nothing", self.target)
        self.assertEqual(code, 1)
        self.assertIn("404", err)
        for wrong in ([], ["a"], ["a", "b", "--every", "0"], ["a", "http://x/y"], ["http://x/y", "s3://bucket/x"], ["ftp://x", "b"]):
            self.assertEqual(self.run_command(*wrong)[0], 2, wrong)

    def test_one_round_that_is_ended_has_not_succeeded(self):
        http = self.server()
        http.publish("/x", fixture.snapshot(4))
        ended = threading.Event()
        http.faults[:] = [lambda handler: False, lambda handler: ended.wait(WAIT_SECONDS)]
        process = self.start(http.url + "/x", self.target)
        while len(http.seen) < 2 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_SECONDS)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        ended.set()

    def test_every_goes_on_through_failures_until_it_is_told_to_end(self):
        http = self.server()
        process = self.start(http.url + "/x", self.target, "--every", "0.1s", "--retries", "0")
        self.assertIn("404", process.stderr.readline())
        for generation in (1, 2):
            http.publish("/x", fixture.snapshot(generation))
            self.assertIn(f"generation {generation},", process.stdout.readline())
        self.assertEqual(json.loads(self.files()["snapshot.json"])["generation"], 2)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_SECONDS)
        self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
    unittest.main()
