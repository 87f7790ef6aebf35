# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of the command line: what is printed, on which stream, and the exit code."""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

from program import FIXTURES, PROGRAM, ROOT, TINY, environment, run

GOLDEN = json.loads((FIXTURES / "tiny_bert/golden.json").read_text())
CASES = [c for c in GOLDEN["cases"] if c["text"] is not None and len(c["ids"]) <= GOLDEN["limit"]]
WIDTH = GOLDEN["embedding_size"]
DONE, FAILED, USAGE = 0, 1, 2


def rows(f32_bytes):
    count = len(f32_bytes) // 4
    values = struct.unpack(f"<{count}f", f32_bytes)
    return [values[i:i + WIDTH] for i in range(0, count, WIDTH)]


class CliTest(unittest.TestCase):
    def assert_error(self, result, code, *parts):
        message = result.stderr.decode()
        self.assertEqual(result.returncode, code, message)
        self.assertTrue(message.startswith("minnow: "), message)
        self.assertEqual(message.count("\n"), 1, message)
        for part in parts:
            self.assertIn(part, message)


class UsageTest(CliTest):
    def test_help_and_version(self):
        version = run("--version")
        self.assertRegex(version.stdout.decode(), r"^minnow \d+\.\d+\.\d+\n$")
        self.assertEqual(version.returncode, DONE)
        text = run("--help").stdout.decode()
        for word in ("embed", "tokenize", "Examples:", "Exit codes:"):
            self.assertIn(word, text)
        self.assertIn("minnow embed [OPTIONS]", run("embed", "--help").stdout.decode())

    def test_wrong_usage(self):
        for arguments, part in (((), "subcommand"), (("nope",), "no such command: nope; there are embed, "),
                                (("index", "ad", "docs"), "no such command: index ad; did you mean 'index add'?"),
                                (("bench", "foo"), "no such command: bench foo; there are encoder, bulk, "),
                                (("serv",), "did you mean 'serve'?"),
                                (("--bogus",), "no such option: --bogus"),
                                (("embed",), "--model"), (("embed", "--model", TINY, "--nope"), "--nope"),
                                (("embed", "--model", TINY, "--output", "xml"), "--output"),
                                (("embed", "--model", TINY, "--threads", "-1"), "--threads"),
                                (("embed", "--model", TINY, "--threads", "abc"),
                                 '--threads: expected a number from 0 to 1024, got "abc"'),
                                (("embed", "--model", TINY, "--normalize", "maybe"),
                                 '--normalize: expected true or false, got "maybe"'),
                                (("embed", "--model", TINY, "--dtype", "int4"), "--dtype: int4 not in {auto,fp32,bf16,int8"),
                                (("embed", "--model", TINY, "--threads", "99999999999999"), "--threads"),
                                (("serve", "--model", TINY, "--port", "0", "--read-only"), "--read-only"),
                                (("completion", "tcsh"), "tcsh")):
            with self.subTest(arguments):
                result = run(*arguments)
                self.assert_error(result, USAGE, part)
                self.assertEqual(result.stdout, b"")

    def test_cpu(self):
        described = json.loads(run("cpu", "--json").stdout)
        self.assertIn(described["kernels"], described["available_kernels"])
        self.assertGreaterEqual(described["usable_cores"], 1)
        forced = json.loads(run("cpu", "--json", env={"MINNOW_ISA": "scalar"}).stdout)
        self.assertEqual(forced["kernels"], "scalar")
        self.assert_error(run("cpu", env={"MINNOW_ISA": "mmx"}), FAILED, "mmx")

    def test_completion_is_a_script_that_knows_the_commands(self):
        for shell in ("bash", "zsh", "fish"):
            script = run("completion", shell).stdout
            for word in (b"tokenize", b"json-input"):
                self.assertIn(word, script)
            if shutil.which(shell):
                check = subprocess.run([shell, "-n"], input=script, capture_output=True, timeout=20)
                self.assertEqual(check.returncode, 0, check.stderr)

    def test_what_bash_offers(self):
        script = run("completion", "bash").stdout.decode()
        self.assertIn("complete -o default ", script)  # files where nothing is offered

        def offered(*words):
            quoted = " ".join(f"'{word}'" for word in words)
            ask = f'{script}COMP_WORDS=(minnow {quoted}); COMP_CWORD={len(words)}; _minnow; printf "%s\\n" "${{COMPREPLY[@]}}"\n'
            result = subprocess.run(["bash"], input=ask.encode(), capture_output=True, timeout=20)
            self.assertEqual((result.returncode, result.stderr), (0, b""), words)
            return result.stdout.decode().split()

        self.assertEqual(offered("embed", "--js"), ["--json-input"])
        self.assertEqual(offered("comp"), ["completion"])
        self.assertIn("backup", offered("index", ""))
        self.assertEqual(offered("search", "--mode", ""), ["hybrid", "semantic", "lexical"])
        self.assertEqual(offered("search", "--mode", "=", "le"), ["lexical"])
        self.assertEqual(offered("search", "--mode", "="), ["hybrid", "semantic", "lexical"])
        self.assertEqual(offered("embed", "--output", ""), ["json", "f32"])
        self.assertEqual(offered("completion", ""), ["bash", "zsh", "fish"])
        self.assertIn("--port", offered("serve", ""))
        # Files.
        for words in (("index", "add", ""), ("index", "add", "doc"), ("index", "backup", ""), ("search", "--index", ""),
                      ("index", "add", "--index", "my"), ("bundle", "-o", ""), ("serve", "--index", "=", "m")):
            self.assertEqual(offered(*words), [], words)
        self.assertIn("--prune", offered("index", "add", "--"))
        self.assertIn("--prune", offered("index", "add", "a b.txt", "--p"))

    def test_bash_completes_files_with_spaces(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "two words.txt").write_text("x")
            (pathlib.Path(folder) / "script").write_bytes(run("completion", "bash").stdout + b"minnow() { printf '<%s>' \"$@\"; }\n")
            shell, terminal = os.openpty()
            bash = subprocess.Popen(["bash", "--noprofile", "--rcfile", "script", "-i"], cwd=folder, stdin=terminal, stdout=terminal,
                                    stderr=terminal, env=environment(TERM="dumb", PS1="> "), start_new_session=True)
            os.close(terminal)
            os.write(shell, b"minnow index add tw\t; exit\n")
            seen = b""
            try:
                while piece := os.read(shell, 4096):
                    seen += piece
            except OSError:  # its end
                pass
            os.close(shell)
            bash.wait(20)
            self.assertIn(b"<index><add><two words.txt>", seen)


class StreamsTest(CliTest):
    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            self.assert_error(run("cpu", stdout=full), FAILED, "No space left")
            self.assert_error(run("embed", "--model", TINY, "a", stdout=full), FAILED, "No space left")
        closed = subprocess.run(["sh", "-c", '"$0" cpu >&-', PROGRAM], capture_output=True, env=environment(), timeout=20)
        self.assert_error(closed, FAILED, "standard output")

    def test_reader_that_leaves_is_no_error(self):
        script = 'yes "a small fish" | "$0" embed --model "$1" | head -n 1 >/dev/null; echo "${PIPESTATUS[1]}"'
        result = subprocess.run(["bash", "-c", script, PROGRAM, TINY], capture_output=True, env=environment(), timeout=60)
        self.assertEqual((result.stdout, result.stderr), (b"0\n", b""))

    def test_lines_are_answered_as_they_come(self):
        child = subprocess.Popen([PROGRAM, "embed", "--model", TINY], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, env=environment())
        for text in (b"a fish\n", b"a river\n"):
            child.stdin.write(text)
            child.stdin.flush()
            self.assertEqual(len(json.loads(child.stdout.readline())), WIDTH)
        child.stdin.close()
        self.assertEqual(child.stdout.read(), b"")
        self.assertEqual(child.wait(20), DONE)
        child.stdout.close()


class EmbedTest(CliTest):
    def embed(self, *arguments, **options):
        result = run("embed", "--model", TINY, "--output", "f32", *arguments, **options)
        self.assertEqual(result.returncode, DONE, result.stderr)
        return result.stdout

    def test_golden_vectors(self):
        stdin = "".join(json.dumps(c["text"]) + "\n" for c in CASES).encode()
        vectors = rows(self.embed("--json-input", stdin=stdin))
        self.assertEqual(len(vectors), len(CASES))
        for case, vector in zip(CASES, vectors):
            worst = max(abs(a - b) for a, b in zip(case["embedding"], vector))
            self.assertLess(worst, 2e-5, case["text"])

    def test_json_output_is_the_same_numbers(self):
        text = CASES[0]["text"]
        line = run("embed", "--model", TINY, text).stdout
        self.assertEqual(line.count(b"\n"), 1)
        self.assertEqual(struct.pack(f"<{WIDTH}f", *json.loads(line)), self.embed(text))

    def test_same_bits_alone_in_a_batch_and_on_any_number_of_threads(self):
        texts = [" ".join(c["text"] for c in CASES[i % 7::7])[:10 + 7 * i] for i in range(64)]
        stdin = "".join(json.dumps(text) + "\n" for text in texts).encode()
        together = self.embed("--json-input", "--threads", "1", stdin=stdin)
        self.assertEqual(len(rows(together)), 64)
        for threads in ("2", "3"):
            self.assertEqual(together, self.embed("--json-input", "--threads", threads, stdin=stdin))
        for i in range(0, 64, 9):
            alone = self.embed("--json-input", json.dumps(texts[i]))
            self.assertEqual(alone, together[4 * WIDTH * i:4 * WIDTH * (i + 1)], texts[i])

    def test_normalize(self):
        for flag, unit in (("true", True), ("false", False)):
            vector = rows(self.embed("--normalize", flag, "a small fish"))[0]
            length = sum(x * x for x in vector)**0.5
            self.assertEqual(abs(length - 1) < 1e-5, unit, length)

    def test_lines(self):
        fish, river = self.embed("a fish"), self.embed("a river")
        for stdin in (b"a fish\na river\n", b"a fish\na river", b"a fish\r\na river\r\n"):
            self.assertEqual(self.embed(stdin=stdin), fish + river, stdin)
        self.assertEqual(self.embed(stdin=b""), b"")
        self.assertEqual(len(rows(self.embed(stdin=b"\n\n"))), 2)  # empty texts are texts
        self.assertEqual(self.embed(""), self.embed(stdin=b"\n"))
        self.assertEqual(self.embed(stdin=b"a\0fish\n\xff\xfe\n"), self.embed(stdin="a\0fish\n\ufffd\ufffd\n".encode()))
        self.assertEqual(self.embed("--", "-fish"), self.embed(stdin=b"-fish\n"))

    def test_an_argument_is_one_text(self):
        for text in ("[a, b]", "[fish]", "[]", "[", "]", "a]", "[a][b]", "[[fish]]", "a, b"):
            self.assertEqual(self.embed(text, "a fish"), self.embed(stdin=f"{text}\na fish\n".encode()), text)
            ids = run("tokenize", "--model", TINY, text).stdout
            self.assertEqual(ids, run("tokenize", "--model", TINY, stdin=f"{text}\n".encode()).stdout, text)
            self.assertEqual(ids.count(b"\n"), 1)
        self.assert_error(run("embed", "--model", "[no, such]", "x"), FAILED, "[no, such]")
        self.assert_error(run("embed", "--model=[no]", "x"), FAILED, "[no]: ")
        self.assert_error(run("embed", "--model", TINY, "--output", "[f32]", "x"), USAGE, "[f32]")

    def test_many_lines(self):
        lines = [CASES[i % len(CASES)]["text"].replace("\n", " ") for i in range(5000)]
        vectors = self.embed(stdin="".join(line + "\n" for line in lines).encode())
        size = 4 * WIDTH
        self.assertEqual(len(vectors), 5000 * size)
        for i in (0, 1, 2999, 4999):
            self.assertEqual(vectors[i * size:(i + 1) * size], self.embed("--", lines[i]))

    def test_truncation_is_reported(self):
        result = run("embed", "--model", TINY, "a", "fish " * 50)
        self.assertEqual(result.returncode, DONE)
        self.assert_error(result, DONE, "1 of 2 texts cut to 24 tokens (the longest had 52)")

    def test_wrong_json_names_the_line_and_keeps_what_came_before(self):
        for wrong, part in ((b"nonsense", "line 2"), (b"12", "line 2"), (b'"a" "b"', "line 2"), (b'"\xff"', "line 2")):
            result = run("embed", "--model", TINY, "--json-input", stdin=b'"a fish"\n' + wrong + b'\n"x"\n')
            self.assert_error(result, FAILED, part)
            self.assertNotIn(b"line 1", result.stderr)
            self.assertEqual(len(result.stdout.splitlines()), 1, wrong)
        self.assert_error(run("embed", "--model", TINY, "--json-input", "nonsense"), FAILED, "argument 1")

    def test_line_without_end_is_refused(self):
        with tempfile.TemporaryFile() as endless:
            endless.truncate(200 << 20)
            result = subprocess.run([PROGRAM, "tokenize", "--model", TINY], stdin=endless, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, env=environment(), timeout=60)
        self.assert_error(result, FAILED, "line 1", "67108864")


class ModelFilesTest(CliTest):
    """Directories that are missing something, or lie."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.model = pathlib.Path(self.folder.name) / "model"
        shutil.copytree(TINY, self.model)
        self.addCleanup(self.folder.cleanup)

    def embed(self):
        return run("embed", "--model", str(self.model), "a fish")

    def test_copy_works(self):
        self.assertEqual(self.embed().returncode, DONE)

    def test_missing(self):
        self.assert_error(run("embed", "--model", "/nonexistent", "a"), FAILED, "/nonexistent")
        self.assert_error(run("tokenize", "--model", "/nonexistent", "a"), FAILED, "/nonexistent")
        self.assert_error(run("embed", "--model", "/dev/null", "a"), FAILED, "/dev/null")
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            with self.subTest(name):
                hidden = self.model / (name + ".hidden")
                (self.model / name).rename(hidden)
                self.assert_error(self.embed(), FAILED, name)
                hidden.rename(self.model / name)

    def test_cut_files(self):
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            whole = (self.model / name).read_bytes()
            for size in (0, 1, 9, len(whole) // 2, len(whole.rstrip()) - 1):
                with self.subTest(name, size=size):
                    (self.model / name).write_bytes(whole[:size])
                    self.assert_error(self.embed(), FAILED, name)
            (self.model / name).write_bytes(whole)

    def test_lying_config(self):
        config = json.loads((self.model / "config.json").read_text())
        for field, value in (("hidden_size", 64), ("num_hidden_layers", 3), ("vocab_size", 10**9), ("hidden_size", -1),
                             ("num_attention_heads", 5), ("hidden_act", "swish"), ("max_position_embeddings", 41)):
            with self.subTest(field, value=value):
                (self.model / "config.json").write_text(json.dumps({**config, field: value}))
                self.assert_error(self.embed(), FAILED)

    def test_tokenizer_of_another_model(self):
        config = json.loads((self.model / "tokenizer.json").read_text())
        config["model"]["vocab"]["zebra"] = 5000
        (self.model / "tokenizer.json").write_text(json.dumps(config))
        self.assert_error(run("embed", "--model", str(self.model), "a", "zebra"), FAILED, "argument 2", "5000")

    def test_tokenize_needs_the_tokenizer_only(self):
        for name in ("model.safetensors", "config.json"):
            (self.model / name).unlink()
        self.assertEqual(run("tokenize", "--model", str(self.model), "a").returncode, DONE)
        self.assert_error(run("tokenize", "--truncate", "--model", str(self.model), "a"), FAILED, "config.json")


class TokenizeTest(CliTest):
    def tokenize(self, *arguments, **options):
        result = run("tokenize", "--model", TINY, *arguments, **options)
        self.assertEqual((result.returncode, result.stderr), (DONE, b""))
        return [json.loads(line) for line in result.stdout.splitlines()]

    def test_ids_tokens_offsets(self):
        for case, printed in zip(CASES, self.tokenize("--json-input", "--", *(json.dumps(c["text"]) for c in CASES))):
            self.assertEqual(printed["ids"], case["ids"])
            self.assertEqual(len(printed["tokens"]), len(printed["ids"]))
            self.assertEqual(len(printed["offsets"]), len(printed["ids"]))
        one = self.tokenize("A fish")[0]
        self.assertEqual(list(one), ["ids", "tokens", "offsets"])
        self.assertEqual(one["tokens"], ["[CLS]", "a", "fish", "[SEP]"])
        self.assertEqual(one["offsets"], [[0, 0], [0, 1], [2, 6], [0, 0]])

    def test_switches(self):
        self.assertEqual(self.tokenize("--no-special", "a fish")[0]["tokens"], ["a", "fish"])
        long = "fish " * 50
        self.assertEqual(len(self.tokenize(long)[0]["ids"]), 52)
        self.assertEqual(len(self.tokenize("--truncate", long)[0]["ids"]), 24)
        self.assertEqual(self.tokenize(stdin=b""), [])
        self.assertEqual(len(self.tokenize(stdin=b"\n")), 1)
        self.assertEqual(self.tokenize("a\nfish")[0], self.tokenize("--json-input", stdin=b'"a\\nfish"')[0])

    def test_sentencepiece_file(self):
        pieces = str(ROOT / "tests/golden/tokenizer/pieces.model")
        result = run("tokenize", "--model", pieces, "the fox")
        self.assertEqual((result.returncode, result.stderr), (DONE, b""))
        self.assertEqual(json.loads(result.stdout)["tokens"], ["\u2581the", "\u2581fox"])
        self.assert_error(run("tokenize", "--model", pieces, "--truncate", "a"), FAILED, "pieces.model", "--truncate")


class PackTest(CliTest):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.packed = str(pathlib.Path(self.folder.name) / "tiny.minnow")

    def pack(self, *arguments, output=None):
        return run("pack", "--model", TINY, "-o", output or self.packed, *arguments)

    def test_pack_embed_inspect(self):
        result = self.pack("--dtype", "fp32")
        self.assertEqual(result.returncode, DONE, result.stderr)
        self.assertRegex(result.stdout.decode(), r"tiny.minnow: embedding, 0\.\d MB, fp32, fp32 embeddings; cosine .* mean 1\.00000")
        for text in ("a fish", ""):
            self.assertEqual(run("embed", "--model", self.packed, text).stdout,
                             run("embed", "--model", TINY, text).stdout)
        self.assertEqual(run("tokenize", "--model", self.packed, "--truncate", "a fish " * 50).stdout,
                         run("tokenize", "--model", TINY, "--truncate", "a fish " * 50).stdout)
        self.assertEqual(run("inspect", "--verify", self.packed).returncode, DONE)
        self.assert_error(run("embed", "--model", self.packed, "--dtype", "int8", "a"), FAILED, "packed as fp32")
        self.assertEqual(os.listdir(self.folder.name), ["tiny.minnow"])

    def test_precisions(self):
        for arguments, text in ((("--dtype", "int8"), "int8, int8 embeddings"),
                                (("--dtype", "bf16"), "bf16, bf16 embeddings"),
                                (("--embedding-dtype", "int4"), "int8, int4 embeddings")):
            result = self.pack(*arguments)
            self.assertIn(text, result.stdout.decode())
            self.assertEqual(run("embed", "--model", self.packed, "a fish").returncode, DONE)
        self.assert_error(self.pack("--dtype", "int3"), USAGE, "int3")
        self.assert_error(self.pack("--embedding-dtype", "int3"), USAGE, "int3")

    def test_no_warning_of_what_is_usual(self):
        model = ROOT / "models/all-MiniLM-L6-v2"
        if not (model / "model.safetensors").exists():
            self.skipTest("no models/all-MiniLM-L6-v2")
        for arguments in ((), ("--embedding-dtype", "int4")):
            self.assertEqual(run("pack", "--model", str(model), "-o", self.packed, *arguments).stderr, b"")

    def test_nothing_is_left_where_packing_fails(self):
        missing = run("pack", "--model", self.folder.name, "-o", self.packed)
        self.assert_error(missing, FAILED, "config.json")
        self.assertEqual(os.listdir(self.folder.name), [])
        self.assert_error(self.pack(output=self.folder.name), FAILED, "not a regular file")
        self.pack()
        self.assert_error(run("pack", "--model", self.packed, "-o", self.packed + "2"), FAILED, "is packed already")

    def test_no_input_is_written_over(self):
        folder = pathlib.Path(self.folder.name)
        model = folder / "model"
        shutil.copytree(TINY, model)
        weights = model / "model.safetensors"
        os.symlink(weights, folder / "soft")
        os.link(model / "config.json", folder / "hard")
        before = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
        for output in (weights, folder / "soft", folder / "hard", model / "tokenizer.json"):
            refused = run("pack", "--model", str(model), "-o", str(output))
            self.assert_error(refused, FAILED, f"{output}: is a file of the model's directory")
        self.assertEqual({path: path.read_bytes() for path in model.rglob("*") if path.is_file()}, before)
        # What was packed before is replaced, wherever it lies.
        for _ in range(2):
            self.assertEqual(run("pack", "--model", str(model), "-o", str(model / "packed.minnow")).returncode, DONE)
        self.pack()
        packed = pathlib.Path(self.packed).read_bytes()
        os.symlink(self.packed, folder / "link")
        for output in (self.packed, str(folder / "link")):
            self.assert_error(run("bundle", "--model", self.packed, "-o", output), FAILED, f"{output}: is the model itself")
        self.assertEqual(pathlib.Path(self.packed).read_bytes(), packed)

    def test_names_do_not_command_the_terminal(self):
        result = run("inspect", "no\x1b[31m such\x07")
        self.assertEqual(result.returncode, FAILED)
        self.assertIn(b"no\\x1b[31m such\\x07", result.stderr)
        self.assertNotIn(b"\x1b", result.stderr)
        self.assertIn(b"a\\x9b31m", run("inspect", "a\u009b31m").stderr)  # the same in one character

    def test_what_is_of_another_kind_is_not_written_over(self):
        self.pack()
        for command, kind in (("pack", "packed model"), ("bundle", "program")):
            other = pathlib.Path(self.folder.name) / f"notes-{command}.txt"
            other.write_text("what nobody meant to lose")
            refused = run(command, "--model", TINY if command == "pack" else self.packed, "-o", str(other))
            self.assert_error(refused, FAILED, f"{other}: is there and is no {kind}; remove it first, or give another name")
            self.assertEqual(other.read_text(), "what nobody meant to lose")
            other.write_text("")  # as mktemp leaves it
            self.assertEqual(run(command, "--model", TINY if command == "pack" else self.packed, "-o", str(other)).returncode, DONE)
        self.assert_error(run("bundle", "--model", TINY, "-o", str(pathlib.Path(self.folder.name) / "x")), FAILED,
                          f"{TINY}: is a directory; minnow pack makes one file of it")

    def test_bundle(self):
        self.pack("--dtype", "fp32")
        first, second = (str(pathlib.Path(self.folder.name) / name) for name in ("first", "second"))
        result = run("bundle", "--model", self.packed, "-o", first)
        self.assertEqual(result.returncode, DONE, result.stderr)
        expected = run("embed", "--model", TINY, "a fish").stdout

        def start(program, *arguments):
            return subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                                  cwd="/", env=environment())

        self.assertEqual(start(first, "embed", "a fish").stdout, expected)
        inspected = start(first, "inspect", "--verify")
        self.assertIn(b"tiny_bert", inspected.stdout)
        self.assertTrue(inspected.stdout.startswith(first.encode() + b"\n"), inspected.stdout)
        # A model that is named goes before the program's own.
        self.assert_error(start(first, "embed", "--model", "/nonexistent", "a"), FAILED, "/nonexistent")
        # Bundling from a bundle replaces the model.
        self.pack("--dtype", "bf16")
        self.assertEqual(start(first, "bundle", "--model", self.packed, "-o", second).returncode, DONE)
        self.assertIn(b"bf16", start(second, "inspect").stdout)
        self.assertLess(os.path.getsize(second), os.path.getsize(first))
        # A damaged trailer or model is told, never run.
        whole = pathlib.Path(second).read_bytes()
        for damaged in (whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:], whole[:-20000] + whole[-32:]):
            pathlib.Path(second).write_bytes(damaged)
            self.assert_error(start(second, "embed", "a"), FAILED, "damaged")
        self.assert_error(run("bundle", "--model", TINY, "-o", second), FAILED, "tiny_bert")


class EvalTest(CliTest):
    def test_sts(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as pairs:
            pairs.write('a fish,a fish,5\n"a fish, deep","the sea",2.5\nthe boat,many small fish,0\n')
            pairs.flush()
            printed = json.loads(run("eval", "sts", pairs.name, "--model", TINY, "--json").stdout)
            self.assertEqual(printed["pairs"], 3)
            self.assertTrue(-1 <= printed["spearman"] <= 1)
            self.assertRegex(run("eval", "sts", pairs.name, "--model", TINY).stdout.decode(),
                             r"^spearman -?\d\.\d{4} over 3 pairs \(tiny_bert, fp32, fp32 embeddings\)\n$")
            headed = pathlib.Path(pairs.name + ".tsv")
            self.addCleanup(headed.unlink)
            headed.write_text("sentence1\tsentence2\tscore\na fish\ta fish\t5\nthe boat\tthe sea\t1\n")
            result = run("eval", "sts", headed, "--model", TINY)
            self.assertRegex(result.stdout.decode(), r"over 2 pairs")
            self.assert_error(result, DONE, "the first row is a heading")
            pairs.write("one field\n")
            pairs.flush()
            self.assert_error(run("eval", "sts", pairs.name, "--model", TINY), FAILED, "record 4")


class SpeedTest(CliTest):
    def test_waiting_for_input_uses_no_cpu(self):
        child = subprocess.Popen([PROGRAM, "embed", "--model", TINY, "--threads", "4"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, env=environment())
        child.stdin.write(b"a fish\n")
        child.stdin.flush()
        child.stdout.readline()

        def cpu_ticks():
            fields = pathlib.Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])

        time.sleep(0.1)
        before = cpu_ticks()
        time.sleep(0.5)
        self.assertLessEqual(cpu_ticks() - before, 0.1 * os.sysconf("SC_CLK_TCK"))
        child.stdin.close()
        child.stdout.close()
        child.wait(20)


if __name__ == "__main__":
    unittest.main()
