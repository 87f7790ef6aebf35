# SPDX-License-Identifier: Apache-2.0
"""Threads, forks, other processes and Ctrl-C. MINNOW_FORK_ROUNDS: how often to fork and spawn (20)."""
import os
import signal
import threading
import time
import unittest

import minnow
from support import FIXTURES, TEXTS, TINY, WAIT_SECONDS, ModelCase, rows, run_python

ROUNDS = int(os.environ.get("MINNOW_FORK_ROUNDS") or 20)
PACKED = FIXTURES / "packed_v4/tiny_bert_int8_int8.minnow"


def threads_of_process():
    return len(os.listdir("/proc/self/task"))


class ThreadsTest(unittest.TestCase):
    def test_none_before_the_first_call(self):
        run_python("""if True:
            import os, sys, minnow
            m = minnow.Model(sys.argv[1], threads=3)
            begun = len(os.listdir("/proc/self/task"))
            m.encode("a")
            assert len(os.listdir("/proc/self/task")) == begun + 2, "threads"
            assert begun <= 1 + int(sys.argv[2]), "before"
        """, PACKED, 0, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

    def test_many_threads_call_one_model(self):
        m = minnow.Model(TINY, threads=2)
        expected = rows(m.encode(TEXTS))
        wrong, done = [], []

        def work(number):
            for _ in range(5):
                if rows(m.encode(TEXTS)) != expected or len(m.tokenize(TEXTS)) != len(TEXTS):
                    wrong.append(number)
            done.append(number)

        threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_SECONDS)
        self.assertEqual((len(done), wrong), (len(threads), []))

    def test_others_run_meanwhile(self):
        m = minnow.Model(TINY, threads=1)
        texts = ["the cat sat on the mat"] * 30000
        finished = threading.Event()
        thread = threading.Thread(target=lambda: (m.encode(texts), finished.set()), daemon=True)
        count = 0
        thread.start()
        end = time.monotonic() + WAIT_SECONDS
        while not finished.is_set() and time.monotonic() < end:
            count += 1
        self.assertTrue(finished.is_set())
        # With the GIL held all along, this thread would have come to it a few times only.
        self.assertGreater(count, 1000)

    def test_a_call_within_a_call(self):
        m = minnow.Model(TINY, threads=1)
        errors = []

        def handler(*_):
            try:
                m.encode("a")
            except RuntimeError as error:
                errors.append(str(error))

        before = signal.signal(signal.SIGUSR1, handler)
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        timer = threading.Timer(0.01, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        timer.start()
        end = time.monotonic() + WAIT_SECONDS
        while not errors and time.monotonic() < end:
            m.encode(["the cat sat on the mat"] * 4000)
            if not errors and not timer.is_alive():  # it came between two calls
                timer = threading.Timer(0.01, lambda: os.kill(os.getpid(), signal.SIGUSR1))
                timer.start()
        timer.join()
        self.assertIn("in the middle of a call", errors[0])


def exit_code(pid):
    """Of a child, which is ended where it hangs."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hung"


class ForkTest(unittest.TestCase):
    def fork(self, body):
        pid = os.fork()
        if pid == 0:
            code = 3
            try:
                code = 0 if body() else 1
            finally:
                os._exit(code)
        return pid

    def test_after_use(self):
        m = minnow.Model(PACKED, threads=2)
        expected = rows(m.encode(TEXTS))
        for _ in range(ROUNDS):
            pids = [self.fork(lambda: rows(m.encode(TEXTS)) == expected) for _ in range(2)]
            self.assertEqual(rows(m.encode(TEXTS)), expected)
            self.assertEqual([exit_code(pid) for pid in pids], [0, 0])

    def test_while_another_thread_computes(self):
        m = minnow.Model(TINY, threads=2)
        expected = rows(m.encode(TEXTS))
        stop = threading.Event()

        def work():
            while not stop.is_set():
                m.encode(TEXTS * 10)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            for _ in range(ROUNDS):
                # And a grandchild.
                pid = self.fork(lambda: rows(m.encode(TEXTS)) == expected
                                and exit_code(self.fork(lambda: rows(m.encode(TEXTS)) == expected)) == 0)
                self.assertEqual(exit_code(pid), 0)
        finally:
            stop.set()
            thread.join(WAIT_SECONDS)
        self.assertFalse(thread.is_alive())

    def test_child_drops_the_model(self):
        m = minnow.Model(TINY, threads=2)
        m.encode("a")

        def body():
            nonlocal m
            del m
            return len(minnow.Model(TINY, threads=2).encode(TEXTS)) == len(TEXTS)

        self.assertEqual(exit_code(self.fork(body)), 0)

    def test_in_the_middle_of_a_call(self):
        m = minnow.Model(TINY, threads=2)
        children = []

        def handler(*_):
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            children.append(pid)

        before = signal.signal(signal.SIGUSR1, handler)
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        end = time.monotonic() + WAIT_SECONDS
        while not children and time.monotonic() < end:
            timer = threading.Timer(0.01, lambda: os.kill(os.getpid(), signal.SIGUSR1))
            timer.start()
            try:
                m.encode(["the cat sat on the mat"] * 4000)
            except RuntimeError as error:
                os._exit(0 if children == [0] and "forked" in str(error) and len(m.encode(TEXTS)) == len(TEXTS) else 1)
            if children == [0]:
                os._exit(0)  # the signal came after the call
            timer.join()
        self.assertEqual(exit_code(children[0]), 0)


class SpawnTest(unittest.TestCase):
    def test_pools_of_processes(self):
        run_python("""if True:
            import concurrent.futures, multiprocessing, sys, minnow
            from support import TEXTS, rows
            if __name__ == "__main__":
                m = minnow.Model(sys.argv[1], threads=2)
                expected = rows(m.encode(TEXTS))
                for method in ("fork", "spawn", "forkserver"):
                    context = multiprocessing.get_context(method)
                    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
                        for vectors in pool.map(m.encode, [TEXTS] * 6, timeout=50):
                            assert rows(vectors) == expected, method
        """, PACKED)


class InterruptTest(ModelCase):
    def interrupted_after(self, call):
        """Seconds from Ctrl-C to its exception, in a process of its own."""
        code = f"""if True:
            import os, signal, sys, threading, time, minnow
            m = minnow.Model(sys.argv[1], threads=2)
            m.encode("warm")
            sent = []
            def interrupt():
                time.sleep(0.3)
                sent.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)
            threading.Thread(target=interrupt, daemon=True).start()
            try:
                {call}
            except KeyboardInterrupt:
                print(time.monotonic() - sent[0])
            else:
                raise SystemExit("it came to its end")
            assert len(m.encode(["as", "before"])) == 2
        """
        return float(run_python(code, TINY))

    def test_encode(self):
        # How soon is measured by bench/python_wheel.py; each of these would go on for longer than a test may.
        for call in ('m.encode(["the cat sat on the mat"] * 3_000_000)', 'm.tokenize(["the cat sat on the mat " * 9] * 3_000_000)',
                     'm.encode("the cat sat " * 100 + str(i) for i in range(400_000))'):
            self.assertGreater(self.interrupted_after(call), 0)

    def test_while_waiting_for_another_thread(self):
        call = """threading.Thread(target=m.encode, args=(["the cat sat on the mat"] * 3_000_000,), daemon=True).start()
                time.sleep(0.1)
                m.encode("a")"""
        # What the other thread does goes on, so the model is not asked again.
        code = f"""if True:
            import os, signal, sys, threading, time, minnow
            m = minnow.Model(sys.argv[1], threads=1)
            threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            try:
                {call}
            except KeyboardInterrupt:
                os._exit(0)
            os._exit(1)
        """
        run_python(code, TINY)

    def test_exit_while_a_daemon_thread_computes(self):
        run_python("""if True:
            import sys, threading, time, minnow
            m = minnow.Model(sys.argv[1], threads=2)
            threading.Thread(target=m.encode, args=(["the cat sat on the mat"] * 1_000_000,), daemon=True).start()
            time.sleep(0.2)
        """, TINY)


class SharedPagesTest(ModelCase):
    def test_a_packed_file_is_mapped(self):
        self.assertIn(str(PACKED), run_python("""if True:
            import sys, minnow
            m = minnow.Model(sys.argv[1], threads=1)
            m.encode("a")
            print(open("/proc/self/maps").read())
        """, PACKED))


if __name__ == "__main__":
    unittest.main()
