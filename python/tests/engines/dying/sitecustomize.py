# SPDX-License-Identifier: Apache-2.0
"""In the workers of a test (on PYTHONPATH): the first one that has computed a batch and finds the file that MINNOW_TEST_DIES names
writes its process id beside it, and ends itself by SIGKILL in the middle of the job."""
import os
import signal

_MARK = os.environ.get("MINNOW_TEST_DIES")


def _die_after(method):
    def wrapped(self, *arguments, **options):
        answer = method(self, *arguments, **options)
        try:
            os.unlink(_MARK)  # of several, one succeeds
        except FileNotFoundError:
            return answer
        with open(_MARK + ".dead", "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return wrapped


if _MARK:
    import minnow

    minnow.Model.encode = _die_after(minnow.Model.encode)
    minnow.Model.encode_arrow = _die_after(minnow.Model.encode_arrow)
