// SPDX-License-Identifier: Apache-2.0
// Snippets come as escaped HTML with <em> marks. They are read by hand and become text nodes and <mark> elements:
// whatever else they hold is shown as the text that it is.
import {make} from "./dom.js";

const ENTITIES = {amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", "#39": "'", "#34": '"', "#x27": "'", "#x2F": "/", "#47": "/"};
const unescape = (html) => html.replace(/&(#?\w{1,6});/g, (whole, name) => ENTITIES[name] ?? whole);

// [{text, marked}] of a snippet.
export function snippetParts(snippet) {
  const parts = [];
  let marked = false;
  for (const piece of String(snippet ?? "").split(/(<\/?em>)/)) {
    if (piece === "<em>") marked = true;
    else if (piece === "</em>") marked = false;
    else if (piece) parts.push({text: unescape(piece), marked});
  }
  return parts;
}

// Of Markdown only the words are shown: without rules of tables and between parts, links' targets, emphasis, headings.
const withoutMarks = (text) =>
  text
    .replace(/\|(?:\s*:?-{2,}:?\s*\|)+|(?<=^|\s)-{3,}(?=\s|$)/g, " ")
    .replace(/!?\[([^\]]*)\]\([^)\s]*\)/g, "$1")
    .replace(/`+|\*\*|(?<=^|[\s…])(?:#{1,6}|>)(?=\s|$)|\|/g, " ")
    .replace(/ {2,}/g, " ");

const shownParts = (snippet, markdown) => {
  const parts = snippetParts(snippet);
  if (!markdown) return parts;
  return parts.map(({text, marked}) => ({text: withoutMarks(text), marked}));
};

export const snippetNodes = (snippet, markdown = false) =>
  shownParts(snippet, markdown).map(({text, marked}) => (marked ? make("mark", null, text) : document.createTextNode(text)));

// The characters [begin, end) of a text that a snippet of it shows, by its longest piece; null where they are not found.
// Snippets may begin in another field, whose words are left out by and by.
export function placeOfSnippet(text, snippet) {
  const pieces = snippetParts(snippet).map((part) => part.text).join("").split("…").map((piece) => piece.trim().split(/\s+/));
  const words = pieces.reduce((best, piece) => (piece.join(" ").length > best.join(" ").length ? piece : best));
  for (let left = 0; left === 0 || left <= words.length - 2; left += left < 4 ? 1 : 4) {
    const pattern = words.slice(left).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("\\s+");
    const found = pattern.length >= 8 && new RegExp(pattern, "u").exec(text);
    if (found) return [found.index, found.index + found[0].length];
  }
  return null;
}

// The marked words, in lower case, each once.
export const markedWords = (snippet) =>
  [...new Set(snippetParts(snippet).filter((part) => part.marked).map((part) => part.text.toLowerCase()))];
