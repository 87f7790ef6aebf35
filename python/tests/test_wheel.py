# SPDX-License-Identifier: Apache-2.0
"""The wheel itself: what is in it, its size, what it shows and needs of the system. MINNOW_WHEEL names it."""
import ast
import importlib.metadata
import os
import pathlib
import re
import shutil
import subprocess
import unittest
import zipfile

import minnow
from support import run

WHEEL = os.environ.get("MINNOW_WHEEL")
MAX_WHEEL_BYTES = 8_000_000
# What manylinux lets a wheel need (PEP 600).
ALLOWED = re.compile(r"(libc|libm|libgcc_s|libdl|libpthread|librt|ld-linux-x86-64|ld-linux-aarch64)\.so\.[0-9]+$")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


class ExtensionTest(unittest.TestCase):
    def test_version(self):
        self.assertEqual(minnow.__version__, importlib.metadata.version("minnow"))
        self.assertIn(minnow.__version__, run("--version").stdout.decode())

    @unittest.skipUnless(shutil.which("readelf"), "readelf is not installed")
    def test_shows_its_entry_and_needs_the_c_library_alone(self):
        module = minnow._core.__file__
        defined = [line.split()[-1] for line in output("readelf", "--dyn-syms", "--wide", module).splitlines()
                   if re.search(r"\b(GLOBAL|WEAK)\b", line) and " UND " not in line]
        self.assertEqual(defined, ["PyInit__core"])
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "--dynamic", module))
        self.assertEqual([name for name in needed if not ALLOWED.match(name)], [])

    def test_stubs_name_what_is_there(self):
        stub = pathlib.Path(minnow.__file__).with_name("_core.pyi")
        names = {node.name for node in ast.parse(stub.read_text()).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        self.assertEqual(names, {name for name in vars(minnow._core) if not name.startswith("_")})
        self.assertTrue(stub.with_name("py.typed").is_file())

    def test_handles_are_made_by_open_model_alone(self):
        for kind in (minnow._core.Handle, minnow._core.Vectors):
            with self.assertRaises(TypeError):
                kind()
        with self.assertRaises(TypeError):
            minnow._core.info(object())


@unittest.skipUnless(WHEEL, "MINNOW_WHEEL names no wheel")
class WheelTest(unittest.TestCase):
    def test_name_size_and_contents(self):
        path = pathlib.Path(WHEEL)
        self.assertRegex(path.name, r"^minnow-[0-9.]+-cp311-abi3-manylinux_2_[0-9]+_(x86_64|aarch64)\.whl$")
        self.assertLess(path.stat().st_size, MAX_WHEEL_BYTES)
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
            self.assertIsNone(wheel.testzip())
        for name in ("minnow/__init__.py", "minnow/_core.abi3.so", "minnow/_core.pyi", "minnow/py.typed"):
            self.assertIn(name, names)
        self.assertTrue(any(name.endswith("LICENSE") for name in names))

    @unittest.skipUnless(shutil.which("readelf"), "readelf is not installed")
    def test_glibc_is_as_old_as_its_name_says(self):
        promised = int(re.search(r"manylinux_2_([0-9]+)_", WHEEL)[1])
        versions = re.findall(r"GLIBC_2\.([0-9]+)", output("readelf", "--version-info", minnow._core.__file__))
        self.assertLessEqual(max(map(int, versions)), promised)


if __name__ == "__main__":
    unittest.main()
