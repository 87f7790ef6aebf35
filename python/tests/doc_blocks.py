# SPDX-License-Identifier: Apache-2.0
"""Runs the Python blocks of documents, so that what they say is so."""
import re


def python_blocks(path, heading):
    """The sources of ```python blocks below a heading (from the second level on; up to the next one)."""
    sections = re.split(r"^##+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for title, body in zip(sections[1::2], sections[2::2]):
        if title == heading:
            return re.findall(r"^```python\n(.*?)^```", body, flags=re.MULTILINE | re.DOTALL)
    raise AssertionError(f"{path}: no heading '{heading}'")


def run(path, heading, changes=None):
    """Runs the blocks in the current folder, one after the other, and returns their names. changes: {text: what stands for it}."""
    blocks = python_blocks(path, heading)
    if not blocks:
        raise AssertionError(f"{path}: no Python below '{heading}'")
    names = {"__name__": "__main__"}
    for block in blocks:
        for old, new in (changes or {}).items():
            block = block.replace(old, new)
        exec(compile(block, f"{path}, {heading}", "exec"), names)  # noqa: S102
    return names
