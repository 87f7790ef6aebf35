# SPDX-License-Identifier: Apache-2.0
"""Builds minnow._core by CMake, from a checkout (this folder lies in it) or from a source distribution (which holds the
sources in native/). Environment: MINNOW_PYTHON_MODULE is an extension that was built before, and is taken as it is;
MINNOW_WHEEL_PLATFORM is the wheel's platform, of which scripts/build-wheel.sh knows more than setuptools."""
import os
import pathlib
import re
import shutil
import subprocess
import sysconfig

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # before setuptools 70
    from wheel.bdist_wheel import bdist_wheel

HERE = pathlib.Path(__file__).resolve().parent
NATIVE = next((folder for folder in (HERE / "native", HERE.parent) if (folder / "CMakeLists.txt").is_file()), None)
# What the extension does not need of the program.
LEFT_OUT = "src/(api|http|serving|ingest|eval|engine|index|image|tasks/image)/"
# What a source distribution holds of the checkout, besides this folder.
SOURCES = ("CMakeLists.txt", "cmake", "src", "web")


def version():
    if NATIVE is None:
        raise SystemExit("minnow: neither native/ nor a checkout's CMakeLists.txt is beside setup.py")
    return re.search(r"project\(minnow VERSION ([0-9.]+)", (NATIVE / "CMakeLists.txt").read_text())[1]


class CMakeBuild(build_ext):
    def build_extension(self, ext):
        target = pathlib.Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        built = os.environ.get("MINNOW_PYTHON_MODULE")
        if not built:
            folder = pathlib.Path(self.build_temp).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            ninja = ["-G", "Ninja"] if shutil.which("ninja") else []
            subprocess.run(["cmake", *ninja, "-S", NATIVE, "-B", folder, "-DCMAKE_BUILD_TYPE=Release",
                            "-DMINNOW_STATIC=ON", "-DMINNOW_PYTHON=ON", "-DCMAKE_POSITION_INDEPENDENT_CODE=ON", f"-DMINNOW_LEAVE_OUT={LEFT_OUT}",
                            f"-DPYTHON_INCLUDE={sysconfig.get_paths()['include']}"], check=True)
            subprocess.run(["cmake", "--build", folder, "-j", str(os.cpu_count() or 1), "--target", "minnow_python"],
                           check=True)
            built = folder / "python" / "_core.abi3.so"
        shutil.copyfile(built, target)
        target.chmod(0o755)


class SourceDistribution(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        native = pathlib.Path(base_dir) / "native"
        tests = shutil.ignore_patterns("*_test.cc", "*_bench.cc", "__pycache__")
        for name in SOURCES:
            source = NATIVE / name
            if source.is_dir():
                shutil.copytree(source, native / name, ignore=tests)
            else:
                native.mkdir(exist_ok=True)
                shutil.copyfile(source, native / name)
        # A link in a checkout.
        licence = pathlib.Path(base_dir) / "LICENSE"
        licence.unlink(missing_ok=True)
        shutil.copyfile(HERE / "LICENSE", licence)
        # The extension's own files lie where CMakeLists.txt looks for them.
        shutil.copytree(HERE / "csrc", native / "python" / "csrc", dirs_exist_ok=True)


class StableAbiWheel(bdist_wheel):
    def finalize_options(self):
        self.py_limited_api = "cp311"
        self.plat_name = os.environ.get("MINNOW_WHEEL_PLATFORM") or self.plat_name
        super().finalize_options()


setup(
    version=version(),
    ext_modules=[Extension("minnow._core", sources=[], py_limited_api=True)],
    cmdclass={"build_ext": CMakeBuild, "sdist": SourceDistribution, "bdist_wheel": StableAbiWheel},
)
