# SPDX-License-Identifier: Apache-2.0
"""Markdown as the page makes elements of it, a construct at a time."""
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from page_test import StandInCase  # noqa: E402
from stand_in import ROOT  # noqa: E402

RENDER = """
    const [text] = arguments;
    return import("/assets/markdown.js").then((module) => {
      const code = (text) => Object.assign(document.createElement("pre"), {textContent: text});
      return [...module.markdownBlocks(text, code)].map((one) => {
        for (const element of [one, ...one.querySelectorAll("*")]) {
          for (const name of ["class", "dir", "rel", "target", "title", "tabindex", "role", "data-from", "data-to"]) element.removeAttribute(name);
        }
        return one.outerHTML;
      }).join("");
    });"""


class MarkdownTest(StandInCase):
    def render(self, text):
        return self.browser.run(RENDER, text)

    def assert_lines(self, *cases):
        """Each case is the text of a paragraph, and what is in it."""
        self.open()
        for text, wanted in cases:
            self.assertEqual(self.render(text), f"<p>{wanted}</p>", text)

    def test_code_in_a_line(self):
        self.assert_lines(
            ("Single `.` code, then `x` and `--a b` end", "Single <code>.</code> code, then <code>x</code> and <code>--a b</code> end"),
            ("`a``b` and ``c`d``", "<code>a``b</code> and <code>c`d</code>"),
            ("`` ` `` and ```` ``` ````", "<code>`</code> and <code>```</code>"),
            ("a `` alone, `x` ```", "a `` alone, <code>x</code> ```"),
            (r"`\` and \`x\`", r"<code>\</code> and `x`"),
            ("`&amp;` `*a*` `[a](http://b)`", "<code>&amp;amp;</code> <code>*a*</code> <code>[a](http://b)</code>"))

    def test_emphasis(self):
        self.assert_lines(
            ("***both*** ___both___", "<em><strong>both</strong></em> <em><strong>both</strong></em>"),
            ("**a *b*** *a **b***", "<strong>a <em>b</em></strong> <em>a <strong>b</strong></em>"),
            ("**use `**x` here** *a `*` b*", "<strong>use <code>**x</code> here</strong> <em>a <code>*</code> b</em>"),
            ("**`x`** _`y`_ ~~`z`~~", "<strong><code>x</code></strong> <em><code>y</code></em> <del><code>z</code></del>"),
            ("2 * 3 * 4, snake_case_name, **", "2 * 3 * 4, snake_case_name, **"))

    def test_entities(self):
        self.assert_lines(
            ("a &amp; b &lt;c&gt; &copy; &#65;&#x42;", "a &amp; b &lt;c&gt; © AB"),
            ("&unknown; &constructor; & AT&T; &#0;", "&amp;unknown; &amp;constructor; &amp; AT&amp;T; \ufffd"),
            ("[a](http://b/?c=1&amp;d=2)", '<a href="http://b/?c=1&amp;d=2">a</a>'))

    def test_references(self):
        text = "[ref][r], [R], [r][], [**b**][r], ![i][r], [none][x], [y], a[0]\n\n[r]: http://a/b 'title'\n[r]: http://second\n"
        to = '<a href="http://a/b">'
        self.open()
        self.assertEqual(self.render(text), f"<p>{to}ref</a>, {to}R</a>, {to}r</a>, {to}<strong>b</strong></a>, {to}▧ i</a>, "
                                            "[none][x], [y], a[0]</p>")
        self.assertEqual(self.render("[a]\n\n```\n[a]: http://b\n```\n"), "<p>[a]</p><pre>[a]: http://b</pre>")
        self.assertNotIn("href", self.render("[a]\n\n[a]: javascript:alert(1)\n"))
        self.assertEqual(self.render("[*a* [b](http://c)"), '<p>[<em>a</em> <a href="http://c">b</a></p>')

    def test_headings_by_a_line_below(self):
        self.open()
        self.assertEqual(self.render("Title\n=====\n\nPart *one*\n-----\ntext\n"), "<h3>Title</h3><h4>Part <em>one</em></h4><p>text</p>")
        self.assertEqual(self.render("a\n\n---\n\n- b\n---\n"), "<p>a</p><hr><ul><li><p>b</p></li></ul><hr>")

    def test_lists_of_tasks(self):
        self.open()
        self.assertEqual(self.render("- [x] done\n- [ ] not\n- [link]\n- [x] [a]: http://b\n"),
                         '<ul><li><p><span aria-label="done">☑</span> done</p></li><li><p><span aria-label="to do">☐</span> not</p></li>'
                         "<li><p>[link]</p></li><li></li></ul>")

    def test_strokes_in_cells(self):
        self.open()
        table = self.render("| a | b |\n|---|---|\n| `x|y` | ``p|`q`` |\n| r\\|s | `t |\n")
        rows = ["<td><code>x|y</code></td><td><code>p|`q</code></td>", "<td>r|s</td><td>`t</td>"]
        self.assertEqual(table.partition("<tbody>")[2], "".join(f"<tr>{row}</tr>" for row in rows) + "</tbody></table></div>")

    def test_own_documents(self):
        """No code of this repository's documents begins or ends at the wrong tick."""
        self.open()
        for file in sorted((ROOT / "docs").rglob("*.md")):
            text = file.read_text()
            shown = self.browser.run("""
                const [text] = arguments;
                return import("/assets/markdown.js").then((module) =>
                  [...module.markdownBlocks(text, () => document.createElement("pre"))].map((one) => {
                    for (const code of one.querySelectorAll("code")) code.remove();
                    return one.textContent;
                  }).join("\\n"));""", text)
            self.assertNotIn("`", shown, file)

    def test_places(self):
        self.open()
        got = self.browser.run("""
            return import("/assets/markdown.js").then((module) => [...module.markdownBlocks(arguments[0], () => document.createElement("pre"))]
              .flatMap((one) => [one, ...one.querySelectorAll("[data-from]")]).map((one) => [one.tagName, Number(one.dataset.from), Number(one.dataset.to)]));""",
            "# A\r\n<!-- one\r\ntwo -->\r\ntext\r\nmore\r\n\r\n- b\r\n  c\r\n- d\r\n\r\n| e |\r\n|---|\r\n| f |\r\n")
        self.assertEqual(got, [["H3", 0, 1], ["P", 3, 5], ["UL", 6, 9], ["LI", 6, 8], ["LI", 8, 9], ["DIV", 10, 13], ["TR", 10, 11], ["TR", 12, 13]])

    def test_time_of_hostile_texts(self):
        self.open()
        for piece in ("`", "``a`a", "**a`b", "*a **b", "[", "![a", "[a][", "&amp", "***", "_a", "|`", "[a]: ", "~~a", "***a``b``"):
            text = piece * (100_000 // len(piece))
            begin = time.monotonic()
            self.render(text)
            self.render(f"| a |\n|---|\n| {text} |")
            self.assertLess(time.monotonic() - begin, 10, piece)


if __name__ == "__main__":
    unittest.main()
