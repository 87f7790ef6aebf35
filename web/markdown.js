// SPDX-License-Identifier: Apache-2.0
// Markdown to elements, modestly: headings, paragraphs, lists, tables, quotes, code, emphasis, links. No HTML passes
// through (tags are shown as text), images become links, and a link leads to http, https, mailto or a heading only.
import {make} from "./dom.js";

const MAX_DEPTH = 8;  // of lists and quotes within each other

// --- within a line ---------------------------------------------------------------------------------------------

const INLINE = new RegExp([
  /\\(?<escaped>[!-/:-@[-`{-~])/,
  /(?<ticks>`{1,3})(?<code>[^`](?:[^]{0,2000}?[^`])?)\k<ticks>(?!`)/,
  /(?<image>!)?\[(?<label>(?:[^[\]\\]|\\.|\[[^[\]]{0,200}\]){0,500})\]\(\s?<?(?<href>[^\s()<>]{0,2000}(?:\([^\s()]{0,200}\)[^\s()]{0,200})?)>?(?:\s+"[^"\n]{0,300}")?\s?\)/,
  /<(?<auto>(?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/,
  /(?<bare>https?:\/\/[^\s<>()[\]"'`]{1,2000}[^\s<>()[\]"'`.,;:!?])/,
  /(?<strong>\*\*|__)(?=\S)(?<strongText>[^]{0,1000}?\S)\k<strong>/,
  /(?<em>(?<![\w*])\*|(?<!\w)_)(?=[^\s*_])(?<emText>[^*\n]{0,1000}?[^\s])\k<em>(?!\w)/,
  /~~(?=\S)(?<strike>[^]{0,1000}?\S)~~/,
].map((part) => part.source).join("|"), "g");

// What a link may lead to, or null. Addresses within the document's own site lead nowhere here.
export function safeAddress(href) {
  if (/^(https?:\/\/|mailto:)/i.test(href)) return href;
  return null;
}

function link(href, ...content) {
  const address = safeAddress(href);
  if (address === null) return make("span", {class: "dead-link", title: href}, ...content);
  return make("a", {href: address, rel: "noopener noreferrer nofollow", target: "_blank"}, ...content);
}

// Nodes of a run of text.
export function inline(text, depth = 0) {
  const nodes = [];
  if (depth > 4) return [text];
  let last = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > last) nodes.push(text.slice(last, match.index));
    last = match.index + match[0].length;
    const found = match.groups;
    if (found.escaped !== undefined) nodes.push(found.escaped);
    else if (found.code !== undefined) nodes.push(make("code", null, found.code.replace(/^ (.*\S.*) $/, "$1")));
    else if (found.href !== undefined) {
      nodes.push(link(found.href, ...(found.image ? ["▧ ", found.label || "image"] : inline(found.label, depth + 1))));
    } else if (found.auto !== undefined) nodes.push(link(found.auto, found.auto));
    else if (found.bare !== undefined) nodes.push(link(found.bare, found.bare));
    else if (found.strongText !== undefined) nodes.push(make("strong", null, ...inline(found.strongText, depth + 1)));
    else if (found.emText !== undefined) nodes.push(make("em", null, ...inline(found.emText, depth + 1)));
    else nodes.push(make("del", null, ...inline(found.strike, depth + 1)));
  }
  if (last < text.length) nodes.push(text.slice(last));
  return nodes;
}

// --- blocks ----------------------------------------------------------------------------------------------------

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const RULE = /^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
const ITEM = /^(\s{0,12})([-*+]|\d{1,9}[.)])(\s{1,4}|$)(.*)$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const TABLE_RULE = /^\s*\|?\s*:?-{1,}:?\s*(?:\|\s*:?-{1,}:?\s*)*\|?\s*$/;
const isBlank = (line) => line === undefined || /^\s*$/.test(line);

class Lines {
  constructor(lines) { this.lines = lines; this.at = 0; }
  get more() { return this.at < this.lines.length; }
  get line() { return this.lines[this.at]; }
  get next() { return this.lines[this.at + 1]; }
  take() { return this.lines[this.at++]; }
}

const startsBlock = (line) =>
  FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || /^ {0,3}([-*+]|1[.)])\s+\S/.test(line);

function fence(lines, codeBlock) {
  const [, mark, language] = FENCE.exec(lines.take());
  const code = [];
  while (lines.more && !(lines.line.trim().startsWith(mark) && /^[`~]+\s*$/.test(lines.line.trim()))) code.push(lines.take());
  if (lines.more) lines.take();
  return codeBlock(code.join("\n"), language);
}

// `body`'s lines stand in a quote or list item of their own.
const nested = (body, codeBlock, depth) => [...blocksOf(new Lines(body), codeBlock, depth + 1)];

function quote(lines, codeBlock, depth) {
  const body = [];
  while (lines.more && (QUOTE.test(lines.line) || (!isBlank(lines.line) && !startsBlock(lines.line)))) {
    const line = lines.take();
    body.push(QUOTE.exec(line)?.[1] ?? line);
  }
  return make("blockquote", null, nested(body, codeBlock, depth));
}

function list(lines, codeBlock, depth) {
  const ordered = /\d/.test(ITEM.exec(lines.line)[2]);
  const base = ITEM.exec(lines.line)[1].length;
  const items = [];
  while (lines.more) {
    const found = ITEM.exec(lines.line);
    if (found === null || found[1].length < base || found[1].length > base + 3 || /\d/.test(found[2]) !== ordered ||
        RULE.test(lines.line)) break;
    const indent = found[1].length + found[2].length + Math.max(1, found[3].length);
    const body = [found[4]];
    lines.take();
    while (lines.more) {
      const own = /^\s*/.exec(lines.line)[0].length;
      if (isBlank(lines.line)) {
        if (isBlank(lines.next) || /^\s*/.exec(lines.next)[0].length < Math.min(indent, base + 2)) break;
      } else if (own < Math.min(indent, base + 2) && (startsBlock(lines.line) || ITEM.test(lines.line) || isBlank(lines.lines[lines.at - 1]))) {
        break;
      }
      const line = lines.take();
      body.push(line.slice(Math.min(indent, own)));
    }
    items.push(make("li", null, nested(body, codeBlock, depth)));
    // A blank line between items.
    if (lines.more && isBlank(lines.line) && ITEM.test(lines.next ?? "")) lines.take();
  }
  return make(ordered ? "ol" : "ul", null, items);
}

function cells(line) {
  const parts = line.trim().replace(/^\|/, "").replace(/\|$/, "").split(/(?<!\\)\|/);
  return parts.slice(0, 60).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function table(lines) {
  const head = cells(lines.take());
  lines.take();
  const rows = [];
  while (lines.more && lines.line.includes("|") && !isBlank(lines.line)) rows.push(cells(lines.take()));
  const row = (tag, values) => make("tr", null, values.map((value) => make(tag, null, inline(value))));
  return make("div", {class: "table", tabindex: "0", role: "group", "aria-label": "Table"}, make("table", null, make("thead", null, row("th", head)), make("tbody", null, rows.map((one) => row("td", one)))));
}

const withBreaks = (text) => text.split(" \n").flatMap((line, i) => (i === 0 ? inline(line) : [make("br"), ...inline(line)]));

function paragraph(lines) {
  const body = [lines.take().trim()];
  while (lines.more && !isBlank(lines.line) && !startsBlock(lines.line)) {
    const level = /^ {0,3}=+\s*$/.test(lines.line) ? 1 : /^ {0,3}-+\s*$/.test(lines.line) ? 2 : 0;
    if (level > 0) {
      lines.take();
      return heading(level, body.join(" "));
    }
    // Two spaces or a backslash at a line's end break it; other line breaks are spaces.
    const broken = /( {2,}|\\)$/.test(lines.lines[lines.at - 1]);
    body.push((broken ? "\n" : "") + lines.take().trim());
  }
  return make("p", {dir: "auto"}, withBreaks(body.map((line) => line.replace(/\\$/, "")).join(" ")));
}

// The page has an h1 of its own, and the document's title is an h2.
const heading = (level, text) => make(`h${Math.min(6, level + 2)}`, {class: `level-${level}`}, inline(text));

function indented(lines, codeBlock) {
  const code = [];
  while (lines.more && (isBlank(lines.line) || /^( {4}|\t)/.test(lines.line))) code.push(lines.take().replace(/^( {4}|\t)/, ""));
  return codeBlock(code.join("\n").trimEnd(), "");
}

function* blocksOf(lines, codeBlock, depth) {
  while (lines.more) {
    const line = lines.line;
    if (isBlank(line)) lines.take();
    else if (FENCE.test(line)) yield fence(lines, codeBlock);
    else if (HEADING.test(line)) {
      const [, marks, text] = HEADING.exec(lines.take());
      yield heading(marks.length, text.replace(/\s*\{#[\w-]+\}$/, ""));
    } else if (RULE.test(line)) {
      lines.take();
      yield make("hr");
    } else if (depth < MAX_DEPTH && QUOTE.test(line)) yield quote(lines, codeBlock, depth);
    else if (depth < MAX_DEPTH && ITEM.test(line)) yield list(lines, codeBlock, depth);
    else if (/^( {4}|\t)/.test(line)) yield indented(lines, codeBlock);
    else if (line.includes("|") && TABLE_RULE.test(lines.next ?? "") && lines.next.includes("-")) yield table(lines);
    else yield paragraph(lines);
  }
}

// Elements of a document, one after another, so that the caller may pause between them. codeBlock(text, language) makes
// the element of a piece of source code.
export function* markdownBlocks(text, codeBlock) {
  const plain = text.replace(/\r\n?/g, "\n").replace(/<!--[^]*?(?:-->|$)/g, "");
  const lines = new Lines(plain.split("\n"));
  if (lines.line === "---") {
    const end = lines.lines.indexOf("---", 1);
    if (end > 1) {
      yield codeBlock(lines.lines.slice(1, end).join("\n"), "yaml");
      lines.at = end + 1;
    }
  }
  yield* blocksOf(lines, codeBlock, 0);
}
