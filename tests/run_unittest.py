#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one file of unittest tests. Exit code 0: passed, 1: failed, or there are none; 77: all of them were skipped.

usage: run_unittest.py FILE_test.py
"""
import faulthandler
import importlib.util
import pathlib
import sys
import unittest

SKIPPED = 77  # as ctest knows it (SKIP_RETURN_CODE)
# A little less than ctest's limits (cmake/tests.cmake): whatever hangs is shown by the stacks of all threads.
LIMIT_SECONDS, WEB_LIMIT_SECONDS = 280, 880


class Result(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    faulthandler.dump_traceback_later(WEB_LIMIT_SECONDS if path.parent.name == "web" else LIMIT_SECONDS, exit=True)
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    result = unittest.TextTestRunner(resultclass=Result, verbosity=1).run(unittest.defaultTestLoader.loadTestsFromModule(module))
    for test, why in result.skipped:
        print(f"skipped: {test}: {why}")
    if not result.wasSuccessful() or (result.passed == 0 and not result.skipped):
        return 1
    return 0 if result.passed else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
