# SPDX-License-Identifier: Apache-2.0
"""Images as deploy/ builds them: what is in them, and that they run: as an unprivileged user, on a root file system that
is read-only, with no network but loopback. There is no /proc either: less than what any container has.
"""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/cli"))
sys.path.insert(0, str(ROOT / ".cache/clients"))
from program import PROGRAM, TINY, environment, run  # noqa: E402

BUILD = pathlib.Path(PROGRAM).resolve().parent
SOURCE, LICENSES = "https://git.example/minnow", "Apache-2.0 AND MIT"
PREFIX = "org.opencontainers.image."
VERSION = re.search(r"project\(minnow VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
MAX_DETECTOR_BYTES = 16_000_000
KILLED_AFTER_SECONDS = 10  # of SIGTERM, by Docker and Cloud Run


def why_no_image():
    cache = BUILD / "CMakeCache.txt"
    if not cache.is_file() or "MINNOW_STATIC:BOOL=ON" not in cache.read_text():
        return f"{PROGRAM} is not of a static build"
    for tool, package in (("buildah", "buildah"), ("unshare", "util-linux"), ("mount", "mount"), ("dpkg-query", "dpkg"),
                          ("ninja", "ninja-build"), ("readelf", "binutils")):
        if shutil.which(tool) is None:
            return f"{tool} (package {package}) is not installed"
    return None if namespaces() else "neither root's own nor user namespaces may be made here (unshare: not permitted)"


def namespaces():
    """How a network and mounts of our own are to be had: as root, in a user namespace, or not at all (None)."""
    for user in (["--user", "--map-root-user"], []) if os.geteuid() else ([], ["--user", "--map-root-user"]):
        command = ["unshare", *user, "--net", "--mount"]
        if subprocess.run([*command, "mount", "--bind", "/usr", "/usr"], capture_output=True, check=False).returncode == 0:
            return command
    return None


def build_image(*arguments):
    return subprocess.run([ROOT / "deploy/build-image.sh", *arguments], capture_output=True, text=True, timeout=200,
                          env=environment(), check=False)


class Layout:
    """An OCI layout with one image, every blob of it held to its digest."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        assert json.loads((self.folder / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
        (self.entry,) = json.loads((self.folder / "index.json").read_text())["manifests"]
        self.manifest = json.loads(self.blob(self.entry))
        self.image = json.loads(self.blob(self.manifest["config"]))

    def blob(self, descriptor):
        kind, digest = descriptor["digest"].split(":")
        data = (self.folder / "blobs" / kind / digest).read_bytes()
        assert (kind, hashlib.sha256(data).hexdigest(), len(data)) == ("sha256", digest, descriptor["size"])
        return data

    def members(self):
        for layer in self.manifest["layers"]:
            self.blob(layer)
            with tarfile.open(self.folder / "blobs/sha256" / layer["digest"].split(":")[1]) as archive:
                yield from ((member, archive.extractfile(member).read() if member.isfile() else None) for member in archive)

    def unpack(self, root):
        root = pathlib.Path(root)
        for member, data in self.members():
            assert member.isfile() and "/" not in member.name.strip("/"), member.name
            (root / member.name).write_bytes(data)
            (root / member.name).chmod(member.mode)
        root.chmod(0o755)


class ManifestsTest(unittest.TestCase):
    def test_manifests_name_the_image(self):
        for name in ("cloud-run.yaml", "kubernetes.yaml"):
            text = (ROOT / "deploy" / name).read_text()
            self.assertRegex(text, rf"image: REGISTRY/minnow-embedder:{re.escape(VERSION)}\s", name)
            for probe in ("startupProbe", "livenessProbe"):
                self.assertIn(probe, text, name)


@unittest.skipIf(why_no_image() is not None, why_no_image())
class ImageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = pathlib.Path(cls.folder.name)
        cls.built = build_image("embedder", "--model", TINY, "--build", BUILD, "--source", SOURCE, "--licenses", LICENSES,
                                "--archive", cls.path / "image.tar", "-o", cls.path / "layout")
        assert cls.built.returncode == 0, cls.built.stderr
        cls.layout = Layout(cls.path / "layout")
        cls.root = cls.path / "root"
        cls.root.mkdir()
        cls.layout.unpack(cls.root)
        cls.path.chmod(0o755)

    def docker_config(self):
        """As `docker load` reads it: with a health check, which OCI has no place for."""
        with tarfile.open(self.path / "image.tar") as archive:
            (image,) = json.load(archive.extractfile("manifest.json"))
            self.assertEqual([tag.split("/")[-1] for tag in image["RepoTags"]], [f"minnow-embedder:{VERSION}"])
            return json.load(archive.extractfile(image["Config"]))["config"]

    def test_config_says_what_it_is(self):
        config = self.layout.image["config"]
        labels = config["Labels"]
        self.assertEqual({name.removeprefix(PREFIX) for name in labels},
                         {"title", "description", "version", "revision", "source", "licenses"})
        self.assertEqual([labels[PREFIX + name] for name in ("title", "version", "source", "licenses")],
                         ["minnow-embedder", VERSION, SOURCE, LICENSES])
        revision = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
        self.assertEqual(labels[PREFIX + "revision"], revision.stdout.strip())
        self.assertRegex(config["User"], r"^[1-9][0-9]*:[1-9][0-9]*$")
        self.assertEqual((config["Entrypoint"], config["Cmd"]), (["/minnow"], ["serve"]))
        self.assertIn("MINNOW_MODEL=/model.minnow", config["Env"])
        self.assertEqual(list(config["ExposedPorts"]), ["8080/tcp"])
        docker = self.docker_config()
        self.assertEqual(docker["Healthcheck"]["Test"], ["CMD", "/minnow", "health"])
        self.assertEqual([docker[name] for name in ("User", "Labels", "Env")], [config[name] for name in ("User", "Labels", "Env")])
        # Who builds by `docker build` gets the version from here.
        self.assertIn(f"ARG VERSION={VERSION}\n", (ROOT / "deploy/Dockerfile").read_text())

    def test_holds_three_files_that_nobody_may_write(self):
        members = [member for member, _ in self.layout.members()]
        self.assertEqual(sorted(member.name.strip("/") for member in members), ["minnow", "model.minnow", "sbom.spdx.json"])
        for member in members:
            self.assertEqual((member.mode & 0o222, member.uid, member.gid), (0, 0, 0), member.name)

    def test_same_sources_give_the_same_image(self):
        again = self.path / "again"
        self.assertEqual(build_image("embedder", "--model", self.root / "model.minnow", "--build", BUILD, "--source", SOURCE,
                                     "--licenses", LICENSES, "-o", again).returncode, 0)
        first = {member.name: hashlib.sha256(data).digest() for member, data in self.layout.members()}
        second = {member.name: hashlib.sha256(data).digest() for member, data in Layout(again).members()}
        self.assertEqual({name: first[name] for name in ("minnow", "model.minnow")},
                         {name: second[name] for name in ("minnow", "model.minnow")})

    def test_bill_of_materials(self):
        bill = json.loads((self.root / "sbom.spdx.json").read_text())
        self.assertEqual((bill["spdxVersion"], bill["dataLicense"], bill["SPDXID"]), ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT"))
        packages = {package["name"]: package for package in bill["packages"]}
        ids = [package["SPDXID"] for package in bill["packages"]]
        self.assertEqual(len(ids), len(set(ids)))
        for relation in bill["relationships"]:
            self.assertIn(relation["relatedSpdxElement"], ids)
            self.assertIn(relation["spdxElementId"], [*ids, "SPDXRef-DOCUMENT"])
        for name, file in (("minnow", "minnow"), ("model-tiny_bert", "model.minnow")):
            expected = hashlib.sha256((self.root / file).read_bytes()).hexdigest()
            self.assertEqual(packages[name]["checksums"], [{"algorithm": "SHA256", "checksumValue": expected}])
        # What everything is linked with, and what is headers only, each as dpkg has it.
        for name in ("libc6-dev", "libsqlite3-dev", "zlib1g-dev", "libutf8proc-dev", "libyaml-dev", "libcli11-dev", "libxxhash-dev"):
            version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True, check=True)
            self.assertEqual(packages[name]["versionInfo"], version.stdout)
            self.assertTrue(packages[name]["attributionTexts"][0])
        for name in ("boost", "stdc++"):
            self.assertTrue([package for package in packages if name in package], name)
        self.assertEqual([name for name, package in packages.items() if package["licenseDeclared"] == "NOASSERTION"],
                         ["model-tiny_bert"])
        self.assertFalse([name for name in packages if "gtest" in name or "gmock" in name])

    def test_bill_of_materials_is_valid(self):
        try:
            from spdx_tools.spdx.parser.parse_anything import parse_file
            from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
        except ImportError:
            self.skipTest("there is no spdx_tools: scripts/get-clients.sh fetches it")
        messages = validate_full_spdx_document(parse_file(str(self.root / "sbom.spdx.json")))
        self.assertEqual([message.validation_message for message in messages], [])

    def run_image(self, root, config, path, body):
        """What inside.py saw, held to what is so of every image."""
        ran = subprocess.run([*namespaces(), sys.executable, ROOT / "tests/deploy/inside.py", root, json.dumps(config),
                              json.dumps({"path": path, "body": body})],
                             capture_output=True, text=True, timeout=120, env=environment(), check=False)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        report = json.loads(ran.stdout)
        self.assertEqual(report["health"], {"status": 200, "body": "ok\n"}, ran.stderr)
        self.assertEqual([report[when]["code"] for when in ("check_before", "check", "check_after")], [1, 0, 1], report)
        self.assertEqual(report["answer"]["status"], 200, report)
        process, user = report["process"], "65532" if os.geteuid() == 0 else "0"
        self.assertEqual((process["uids"], process["gids"]), ([user] * 4, [user] * 4))
        self.assertEqual((process["capabilities"], process["interfaces"]), (0, ["lo"]))
        self.assertEqual(process["executable"], f"{root.resolve()}/minnow")
        self.assertIn("ro", process["root_options"].split(","))
        self.assertEqual(report["exit_code"], 0, ran.stderr)
        self.assertLess(report["seconds_to_exit"], KILLED_AFTER_SECONDS)
        return json.loads(report["answer"]["body"])

    def test_runs(self):
        answer = self.run_image(self.root, self.docker_config(), "/embed", {"inputs": "a small fish"})
        printed = run("embed", "--model", str(self.root / "model.minnow"), "a small fish")
        self.assertEqual(answer, [json.loads(printed.stdout)])

    def test_language_detector_is_small_and_needs_no_model(self):
        if run("classify", "Buongiorno").returncode != 0:
            self.skipTest("the program has no language detector of its own")
        layout = self.path / "detector"
        built = build_image("language-detector", "--build", BUILD, "-o", layout)
        self.assertEqual(built.returncode, 0, built.stderr)
        root = self.path / "detector_root"
        root.mkdir()
        Layout(layout).unpack(root)
        self.assertEqual(sorted(os.listdir(root)), ["minnow", "sbom.spdx.json"])
        self.assertLessEqual(sum(file.stat().st_size for file in root.iterdir()), MAX_DETECTOR_BYTES)
        config = {**Layout(layout).image["config"], "Healthcheck": self.docker_config()["Healthcheck"]}
        self.assertEqual(self.run_image(root, config, "/process", {"text": "Questa mattina il treno era in ritardo."}), "it")

    def test_an_image_that_could_not_serve_is_not_built(self):
        for arguments, words in ((("frobnicator",), "embedder"), (("language-detector-xlmr", "--build", BUILD), "--model"),
                                 (("embedder", "--model"), "--model"), (("embedder", "--modle", TINY), "--modle"),
                                 (("embedder", "--build", BUILD, "--model", "/none"), "/none"),
                                 (("embedder", "--build", self.path, "--model", TINY), "no such program"),
                                 (("embedder", "--build", BUILD, "--model", TINY, "-o", self.path), "no OCI layout")):
            with self.subTest(arguments=arguments):
                result = build_image(*arguments)
                self.assertIn(result.returncode, (1, 2))
                self.assertIn(words, result.stderr)
        self.assertTrue((self.path / "layout/index.json").is_file())


if __name__ == "__main__":
    unittest.main()
