#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that each check can fail: a breach made on purpose must be found, and a clean tree must pass."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check_docs
import check_layers
import check_simd_objects
import check_style

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def assert_breach(self, breaches, words):
        self.assertTrue(any(words in line for line in breaches), f"'{words}' is not in {breaches}")


class LayersTest(Tree):
    def test_clean(self):
        self.write("src/nn/linear.cc", '#include "nn/linear.h"\n#include "kernels/kernels.h"\n#include "base/check.h"\n')
        self.write("src/main.cc", '#include "cli/commands.h"\n')
        self.assertEqual(check_layers.check(self.root), [])

    def test_upward_include(self):
        self.write("src/kernels/a.cc", '#include "models/encoder.h"\n')
        self.assert_breach(check_layers.check(self.root), 'kernels may not include "models/encoder.h"')

    def test_sideways_include(self):
        self.write("src/http/a.h", '#include "engine/queue.h"\n')
        self.assert_breach(check_layers.check(self.root), 'http may not include "engine/queue.h"')

    def test_python_extension(self):
        self.write("python/csrc/a.cc", '#include "csrc/a.h"\n#include "tasks/embed.h"\n#include "base/check.h"\n')
        self.assertEqual(check_layers.check(self.root), [])
        self.write("python/csrc/b.cc", '#include "serving/application.h"\n')
        self.assert_breach(check_layers.check(self.root), 'csrc may not include "serving/application.h"')
        self.write("src/tasks/c.cc", '#include "csrc/a.h"\n')
        self.assert_breach(check_layers.check(self.root), 'tasks may not include "csrc/a.h"')

    def test_unknown_folder_and_relative_path(self):
        self.write("src/utils/a.h", "")
        self.write("src/base/b.h", '#include "../nn/x.h"\n')
        breaches = check_layers.check(self.root)
        self.assert_breach(breaches, "folder 'utils' is not in the table")
        self.assert_breach(breaches, '"../nn/x.h" does not start with a folder')

    def test_exception_is_for_one_file(self):
        self.write("src/tasks/a.h", '#include "engine/task.h"\n')
        self.assertEqual(check_layers.check(self.root), [])
        self.write("src/tasks/b_test.cc", '#include "engine/queue.h"\n')
        self.assert_breach(check_layers.check(self.root), 'tasks may not include "engine/queue.h"')
        exceptions = check_layers.EXCEPTIONS | {("tasks/b_test.cc", "engine/queue.h"): "a reason"}
        self.assertEqual(check_layers.check(self.root, exceptions=exceptions), [])
        self.write("src/tasks/b.h", '#include "engine/queue.h"\n')
        self.assert_breach(check_layers.check(self.root), 'tasks may not include "engine/queue.h"')

    def test_unused_exception(self):
        self.write("src/tasks/a.h", "")
        self.write("src/engine/task.h", "")
        self.assert_breach(check_layers.check(self.root), "nothing uses the exception")

    def test_cycle_that_a_table_would_allow(self):
        self.write("src/nn/a.h", '#include "text/b.h"\n')
        self.write("src/text/b.h", '#include "nn/a.h"\n')
        layers = {"nn": ["text"], "text": ["nn"]}
        self.assert_breach(check_layers.check(self.root, layers, {}), "nn -> text -> nn")


class DocsTest(Tree):
    def test_clean(self):
        self.write("docs/tour.md", "# Tour\n## A\nSee `src/a.cc`, `src/{a,b}.cc`, `src/*.cc`, `src/NAME_test.cc`, `build/release/minnow`.\n")
        self.write("src/a.cc", "")
        self.write("src/b.cc", "")
        self.write("src/b_test.cc", "")
        self.write("README.md", "# minnow\nText, [tour](docs/tour.md).\n```\n# a comment\n```\n")
        self.assertEqual(check_docs.check(self.root), [])

    def test_missing_path_link_and_text(self):
        self.write("src/a.cc", "")
        self.write("README.md", "# minnow\nSee `src/gone.cc`, `src/{a,b}.cc`, `src/x*.cc`, [x](docs/x.md).\n## Empty\n## Full\nx\n")
        breaches = check_docs.check(self.root)
        self.assert_breach(breaches, "names src/gone.cc")
        self.assert_breach(breaches, "names src/b.cc")
        self.assert_breach(breaches, "names src/x*.cc")
        self.assert_breach(breaches, "links to docs/x.md")
        self.assert_breach(breaches, "heading 'Empty'")
        self.assertEqual(len(breaches), 5)

    def test_heading_at_the_end(self):
        self.write("README.md", "# minnow\nText.\n## Last\n")
        self.assert_breach(check_docs.check(self.root), "heading 'Last'")


class StyleTest(Tree):
    def test_clean(self):
        self.write("src/base/a.cc", SPDX + "int f() {\n" + "  g();\n" * 50 + "}\n")
        self.write("README.md", "Runs anywhere.\n")
        self.assertEqual(check_style.check(self.root), [])

    def test_long_file_and_function(self):
        self.write("src/base/a.cc", SPDX + "int f() {\n" + "  g();\n" * 60 + "}\n")
        self.write("src/base/b.cc", SPDX + "\n" * 500)
        self.write("tools/c.py", "# " + SPDX[3:] + "def f():\n" + "    g()\n" * 61)
        breaches = check_style.check(self.root)
        self.assert_breach(breaches, "a.cc:2: function of 62 lines")
        self.assert_breach(breaches, "b.cc: 501 lines")
        self.assert_breach(breaches, "c.py:2: function of 62 lines")

    def test_reasons_excuse(self):
        function = "int f(int a,\n      int b) {\n" + "  g();\n" * 70 + "}\n"
        self.write("src/base/a.cc", SPDX + function)
        self.assert_breach(check_style.check(self.root), "a.cc:2: function of 73 lines")
        self.write("src/base/a.cc", SPDX + "// style: long function, one table\n" + function)
        self.assertEqual(check_style.check(self.root), [])

    def test_two_types_of_one_name(self):
        def type_in(namespace, name):
            return SPDX + f"namespace {namespace} {{\nclass {name} {{}};\n}}  // namespace\n"
        self.write("src/base/a.h", type_in("minnow", "Head"))
        self.write("src/nn/b.cc", type_in("minnow::nn", "Head"))
        self.write("src/nn/c.cc", SPDX + "namespace minnow {\nnamespace {\nclass Head {\n};\n}  // namespace\n}  // namespace\n")
        self.assertEqual(check_style.check(self.root), [])
        self.write("src/models/d.h", type_in("minnow", "Head").replace("{}", "{\n}"))
        self.assert_breach(check_style.check(self.root), "minnow::Head is defined at")

    def test_licence_words_and_folder(self):
        self.write("src/base/a.cc", "int x;\n")
        self.write("docs/a.md", "Lies in /home/somebody/x.\n")
        self.write("deploy/a.yaml", "image: ghcr.io/x\n")
        for i in range(15):
            self.write(f"src/nn/f{i}.cc", SPDX)
        breaches = check_style.check(self.root)
        self.assert_breach(breaches, "a.cc: no SPDX line")
        self.assert_breach(breaches, "'/home/s' must not appear")
        self.assert_breach(breaches, "'ghcr.io' must not appear")
        self.assert_breach(breaches, "15 source files")
        self.assertEqual(len(breaches), 4)


class SimdObjectsTest(Tree):
    def compile(self, path, text, *flags):
        source = self.write(path, text)
        target = source.with_suffix(".cc.o")
        subprocess.run(["c++", "-O2", "-c", *flags, str(source), "-o", str(target)], check=True)
        return target

    def test_inline_function_in_an_isa_file(self):
        shared = self.compile("src/kernels/avx2.cc", "inline int f(int x) { return x; }\nint (*p)(int) = f;\n")
        self.assert_breach(check_simd_objects.check([shared]), "defines a symbol that other files may share")
        own = self.compile("src/kernels/avx2_own.cc", "namespace { int f(int x) { return x; } }\nint (*p)(int) = f;\n")
        self.assertEqual(check_simd_objects.check([own]), [])

    def test_wide_registers_in_ordinary_code(self):
        wide = "  400: vaddps %zmm0,%zmm1,%zmm2\n"
        self.assertEqual(check_simd_objects.wide_instructions("  400: addps %xmm0,%xmm1\n"), [])
        self.assertEqual(len(check_simd_objects.wide_instructions(wide)), 1)


if __name__ == "__main__":
    unittest.main()
