// SPDX-License-Identifier: Apache-2.0
// Marks the words of a search in a document without touching its elements (CSS Custom Highlight API). Browsers that do
// not have it show the document without marks.

const MAX_RANGES = 3000;
const highlight = globalThis.Highlight && globalThis.CSS?.highlights ? new Highlight() : null;
if (highlight) CSS.highlights.set("words", highlight);

// words: lower case, letters and digits.
export function markWords(element, words) {
  if (!highlight || words.length === 0 || highlight.size > MAX_RANGES) return;
  const escaped = words.slice(0, 30).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${escaped.join("|")})(?![\\p{L}\\p{N}_])`, "giu");
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    for (const match of node.data.matchAll(pattern)) {
      const range = document.createRange();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      highlight.add(range);
      if (highlight.size > MAX_RANGES) return;
    }
  }
}

markWords.clear = () => highlight?.clear();
