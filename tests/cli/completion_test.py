# SPDX-License-Identifier: Apache-2.0
"""What zsh and fish offer, asked in the shells themselves; bash's own tests are in cli_test.py."""
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time
import unittest

from program import environment, run

PATIENCE = 30  # seconds


class CompletionTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "two words.txt").write_text("x")
        self.home = self.folder / ".home"
        self.home.mkdir()

    def need(self, shell):
        if shutil.which(shell) is None:
            self.skipTest(f"{shell} is not installed")

    def script(self, shell):
        result = run("completion", shell)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return result.stdout


class FishTest(CompletionTest):
    def offered(self, line):
        (self.home / "script").write_bytes(self.script("fish"))
        result = subprocess.run(["fish", "--no-config", "-c", f"source {self.home}/script; complete -C '{line}'"], cwd=self.folder,
                                env=environment(HOME=str(self.home)), capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, b""), line)
        return [one.split("\t")[0] for one in result.stdout.decode().splitlines()]

    def test_what_fish_offers(self):
        self.need("fish")
        commands = ["add", "backup", "compact", "delete", "list", "snapshot", "stats", "verify"]
        for line, expected in (("minnow ins", ["inspect"]), ("minnow index ", commands), ("minnow index ba", ["backup"]),
                               ("minnow index add --pru", ["--prune"]), ("minnow index --", ["--help"]),
                               ("minnow bench in", ["index"]), ("minnow search --mode ", ["hybrid", "lexical", "semantic"]),
                               ("minnow search --mode=le", ["--mode=lexical"]), ("minnow completion ", ["bash", "fish", "zsh"]),
                               ("minnow index add --prune ", ["two words.txt"]), ("minnow cpu ", []),
                               ("minnow search index ", ["two words.txt"]), ("minnow index stats --index ", ["two words.txt"])):
            self.assertEqual(sorted(self.offered(line)), expected, line)
        self.assertIn("-k", self.offered("minnow search -"))


class ZshTest(CompletionTest):
    """Zsh completes on a terminal only: what is typed ends with a tab, and what becomes of the line is looked at."""

    def completed(self, *lines, sourced=False):
        """What minnow was called with, for each line."""
        functions = self.home / "functions"
        functions.mkdir(exist_ok=True)
        (functions / "_minnow").write_bytes(self.script("zsh"))
        load = f"source {functions}/_minnow" if sourced else ""
        (self.home / ".zshrc").write_text(
            f"fpath=({'' if sourced else functions} $fpath)\nautoload -Uz compinit\ncompinit -u -d {self.home}/dump\n{load}\n"
            f"PS1='ready> '\nminnow() {{ print -rn -- $'\\n'\"<${{(j:|:)@}}>\" }}\n")
        ours, terminal = os.openpty()
        zsh = subprocess.Popen(["zsh", "-i"], cwd=self.folder, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
                               env=environment(ZDOTDIR=str(self.home), HOME=str(self.home), TERM="dumb", COLUMNS="200"))
        os.close(terminal)
        try:
            self.read(ours, "ready> ")
            calls = []
            for line in lines:
                os.write(ours, f"{line}\t\n".encode())
                seen = self.read(ours, "\n<", ">")
                calls.append(seen[seen.rindex("\n<") + 2:].split(">")[0])
            return calls
        finally:
            zsh.kill()
            zsh.wait()
            os.close(ours)

    def read(self, terminal, *parts):
        """Until all parts have come, one after the other."""
        seen, end = "", time.monotonic() + PATIENCE
        while True:
            at = 0
            for part in parts:
                at = seen.find(part, at) + 1
                if at == 0:
                    break
            if at > 0:
                return seen
            self.assertLess(time.monotonic(), end, seen)
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 4096).decode(errors="replace").replace("\r", "")

    def test_what_zsh_completes(self):
        self.need("zsh")
        lines = ("minnow ins", "minnow index ba", "minnow index add --pru", "minnow bench in", "minnow search --mode le",
                 "minnow completion z", "minnow index add tw", "minnow cpu tw")
        expected = ["inspect", "index|backup", "index|add|--prune", "bench|index", "search|--mode|lexical", "completion|zsh",
                    "index|add|two words.txt", "cpu|tw"]
        self.assertEqual(self.completed(*lines), expected)
        self.assertEqual(self.completed(lines[0], sourced=True), expected[:1])


if __name__ == "__main__":
    unittest.main()
