// SPDX-License-Identifier: Apache-2.0
// Markdown to elements, modestly: headings, paragraphs, lists, tables, quotes, code, emphasis, links. No HTML passes
// through (tags are shown as text), images become links, and a link leads to http, https, mailto or a heading only.
import {make} from "./dom.js";

const MAX_DEPTH = 8;  // of lists and quotes within each other

// --- within a line ---------------------------------------------------------------------------------------------

// Code ends at as many ticks as it began with; what is around code (emphasis, links) takes it whole. In each of these
// patterns a run of ticks is read in one way only, so that none is tried again and again.
const CODE = "(?<!`)`+(?!`)[^`]{1,2000}`+(?!`)";
const RUN = (others) => `(?:${CODE}|${others})`;
const LABEL = `(?:${CODE}|[^\\[\\]\\\\\\x60]|\\\\.|\\[[^\\[\\]]{0,200}\\]){0,500}`;

const INLINE = new RegExp([
  /\\(?<escaped>[!-/:-@[-`{-~])/.source,
  /(?<!`)(?<ticks>`+)(?!`)(?<code>[^]{1,2000}?)(?<!`)\k<ticks>(?!`)/.source,
  `(?<image>!)?\\[(?<label>${LABEL})\\]` +
    /(?:\(\s?<?(?<href>[^\s()<>]{0,2000}(?:\([^\s()]{0,200}\)[^\s()]{0,200})?)>?(?:\s+"[^"\n]{0,300}")?\s?\)|(?:\[(?<ref>[^[\]]{0,200})\])?)/.source,
  /<(?<auto>(?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/.source,
  /(?<bare>https?:\/\/[^\s<>()[\]"'`]{1,2000}[^\s<>()[\]"'`.,;:!?])/.source,
  `(?<both>\\*\\*\\*|___)(?=[^\\s*_])(?<bothText>${RUN("[^`]")}{1,1000}?)(?<=\\S)\\k<both>`,
  `(?<strong>\\*\\*|__)(?=\\S)(?<strongText>${RUN("[^`]")}{1,1000}?)(?<=\\S)\\k<strong>(?!\\*)`,
  `(?<em>(?<![\\w*])\\*|(?<!\\w)_)(?=[^\\s*_])(?<emText>${RUN("\\*\\*[^*`\\n]{1,300}\\*\\*|[^*`\\n]")}{1,1000}?)(?<=\\S)\\k<em>(?!\\w)`,
  `~~(?=\\S)(?<strike>${RUN("[^`]")}{1,1000}?)(?<=\\S)~~`,
  /&(?<entity>#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z]{2,6});/.source,
].join("|"), "g");

const ENTITIES = {amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", copy: "©", reg: "®", trade: "™", hellip: "…",
  mdash: "—", ndash: "–", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", laquo: "«", raquo: "»", bull: "•", middot: "·",
  times: "×", deg: "°", plusmn: "±", le: "≤", ge: "≥", ne: "≠", rarr: "→", larr: "←", euro: "€", sect: "§"};

// What an entity stands for; one that is not known stays as it is written.
function entityOf(name) {
  if (name[0] !== "#") return Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : `&${name};`;
  const code = /x/i.test(name[1]) ? parseInt(name.slice(2), 16) : Number(name.slice(1));
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
}

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

const nameOfReference = (label) => label.trim().replace(/\s+/g, " ").toLowerCase();

// Nodes of a run of text. references: Map name -> address.
function inline(text, references, depth = 0) {
  const nodes = [];
  if (depth > 4) return [text];
  const within = (part) => inline(part, references, depth + 1);
  let last = 0, at = 0;
  for (;;) {
    INLINE.lastIndex = at;  // within() moves it
    const match = INLINE.exec(text);
    if (match === null) break;
    const found = match.groups;
    let href = found.href;
    if (found.label !== undefined && href === undefined) {
      href = references.get(nameOfReference(found.ref || found.label));
      if (href === undefined) {  // brackets and nothing more: what is in them is read on its own
        at = match.index + (found.image ? 2 : 1);
        continue;
      }
    }
    if (match.index > last) nodes.push(text.slice(last, match.index));
    last = at = match.index + match[0].length;
    if (found.escaped !== undefined) nodes.push(found.escaped);
    else if (found.code !== undefined) nodes.push(make("code", null, found.code.replace(/^ (.*\S.*) $/, "$1")));
    else if (href !== undefined) {
      const address = href.replace(/&(#?\w{2,7});/g, (_, name) => entityOf(name));
      nodes.push(link(address, ...(found.image ? ["▧ ", found.label || "image"] : within(found.label))));
    } else if (found.auto !== undefined) nodes.push(link(found.auto, found.auto));
    else if (found.bare !== undefined) nodes.push(link(found.bare, found.bare));
    else if (found.bothText !== undefined) nodes.push(make("em", null, make("strong", null, ...within(found.bothText))));
    else if (found.strongText !== undefined) nodes.push(make("strong", null, ...within(found.strongText)));
    else if (found.emText !== undefined) nodes.push(make("em", null, ...within(found.emText)));
    else if (found.strike !== undefined) nodes.push(make("del", null, ...within(found.strike)));
    else nodes.push(entityOf(found.entity));
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
const DEFINITION = /^ {0,3}\[(?!\^)((?:[^[\]\\]|\\.){1,200})\]:[ \t]*<?([^\s<>]{1,2000})>?(?:[ \t]+(?:"[^"]*"|'[^']*'|\([^)]*\)))?\s*$/;
const TASK = /^\[([ xX])\]\s+(?=\S)/;
const isBlank = (line) => line === undefined || /^\s*$/.test(line);

class Lines {
  // nested: of a quote or list item, whose lines are not the document's.
  constructor(lines, nested = false) { this.lines = lines; this.at = 0; this.nested = nested; }
  get more() { return this.at < this.lines.length; }
  get line() { return this.lines[this.at]; }
  get next() { return this.lines[this.at + 1]; }
  take() { return this.lines[this.at++]; }
}

const startsBlock = (line) =>
  FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || /^ {0,3}([-*+]|1[.)])\s+\S/.test(line);

// Notes at an element which lines of the document it was made of, [from, to): data-from, data-to.
function placed(element, lines, from) {
  if (lines.nested) return element;
  element.dataset.from = from;
  element.dataset.to = lines.at;
  return element;
}

const endsFence = (line, mark) => line.trim().startsWith(mark) && /^[`~]+\s*$/.test(line.trim());

function fence(lines, {codeBlock}) {
  const [, mark, language] = FENCE.exec(lines.take());
  const code = [];
  while (lines.more && !endsFence(lines.line, mark)) code.push(lines.take());
  if (lines.more) lines.take();
  return codeBlock(code.join("\n"), language);
}

// `body`'s lines stand in a quote or list item of their own.
const nested = (body, context, depth) => [...blocksOf(new Lines(body, true), context, depth + 1)];

function quote(lines, context, depth) {
  const body = [];
  while (lines.more && (QUOTE.test(lines.line) || (!isBlank(lines.line) && !startsBlock(lines.line)))) {
    const line = lines.take();
    body.push(QUOTE.exec(line)?.[1] ?? line);
  }
  return make("blockquote", null, nested(body, context, depth));
}

function item(body, context, depth) {
  const task = TASK.exec(body[0]);
  if (task === null) return make("li", null, nested(body, context, depth));
  const done = task[1] !== " ";
  const element = make("li", {class: "task"}, nested([body[0].slice(task[0].length), ...body.slice(1)], context, depth));
  element.firstElementChild?.prepend(make("span", {class: "box", role: "img", "aria-label": done ? "done" : "to do"}, done ? "☑" : "☐"), " ");
  return element;
}

function list(lines, context, depth) {
  const ordered = /\d/.test(ITEM.exec(lines.line)[2]);
  const base = ITEM.exec(lines.line)[1].length;
  const items = [];
  while (lines.more) {
    const found = ITEM.exec(lines.line);
    if (found === null || found[1].length < base || found[1].length > base + 3 || /\d/.test(found[2]) !== ordered ||
        RULE.test(lines.line)) break;
    const indent = found[1].length + found[2].length + Math.max(1, found[3].length);
    const body = [found[4]], from = lines.at;
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
    items.push(placed(item(body, context, depth), lines, from));
    // A blank line between items.
    if (lines.more && isBlank(lines.line) && ITEM.test(lines.next ?? "")) lines.take();
  }
  return make(ordered ? "ol" : "ul", null, items);
}

// A stroke within code, or behind a backslash, is no border.
function cells(line) {
  const parts = [""];
  for (const [piece] of line.trim().replace(/^\||(?<!\\)\|$/g, "").matchAll(/\\.|(?<!`)(`+)(?!`)[^]{1,500}?(?<!`)\1(?!`)|[^|\\`]+|[^]/g)) {
    if (piece === "|") parts.push("");
    else parts[parts.length - 1] += piece;
  }
  return parts.slice(0, 60).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function table(lines, {references}) {
  const row = (tag) => {
    const from = lines.at;
    return placed(make("tr", null, cells(lines.take()).map((value) => make(tag, null, inline(value, references)))), lines, from);
  };
  const head = row("th");
  lines.take();
  const rows = [];
  while (lines.more && lines.line.includes("|") && !isBlank(lines.line)) rows.push(row("td"));
  return make("div", {class: "table", tabindex: "0", role: "group", "aria-label": "Table"}, make("table", null, make("thead", null, head), make("tbody", null, rows)));
}

// The direction of its text is looked for once all of it is there: browsers do so again at each child.
function directed(element) {
  element.dir = "auto";
  return element;
}

const withBreaks = (text, references) =>
  text.split(" \n").flatMap((line, i) => (i === 0 ? inline(line, references) : [make("br"), ...inline(line, references)]));

function paragraph(lines, {references}) {
  const body = [lines.take().trim()];
  while (lines.more && !isBlank(lines.line)) {
    // A line of signs below makes it a heading, before it could be a rule.
    const level = /^ {0,3}=+\s*$/.test(lines.line) ? 1 : /^ {0,3}-+\s*$/.test(lines.line) ? 2 : 0;
    if (level > 0) {
      lines.take();
      return heading(level, body.join(" "), references);
    }
    if (startsBlock(lines.line)) break;
    // Two spaces or a backslash at a line's end break it; other line breaks are spaces.
    const broken = /( {2,}|\\)$/.test(lines.lines[lines.at - 1]);
    body.push((broken ? "\n" : "") + lines.take().trim());
  }
  return directed(make("p", null, withBreaks(body.map((line) => line.replace(/\\$/, "")).join(" "), references)));
}

// The page has an h1 of its own, and the document's title is an h2.
const heading = (level, text, references) => directed(make(`h${Math.min(6, level + 2)}`, {class: `level-${level}`}, inline(text, references)));

function indented(lines, {codeBlock}) {
  const code = [];
  while (lines.more && (isBlank(lines.line) || /^( {4}|\t)/.test(lines.line))) code.push(lines.take().replace(/^( {4}|\t)/, ""));
  return codeBlock(code.join("\n").trimEnd(), "");
}

// The element that begins with the current line, which is not blank.
function block(lines, context, depth) {
  const line = lines.line;
  if (FENCE.test(line)) return fence(lines, context);
  if (HEADING.test(line)) {
    const [, marks, text] = HEADING.exec(lines.take());
    return heading(marks.length, text.replace(/\s*\{#[\w-]+\}$/, ""), context.references);
  }
  if (RULE.test(line)) {
    lines.take();
    return make("hr");
  }
  if (depth < MAX_DEPTH && QUOTE.test(line)) return quote(lines, context, depth);
  if (depth < MAX_DEPTH && ITEM.test(line)) return list(lines, context, depth);
  if (/^( {4}|\t)/.test(line)) return indented(lines, context);
  if (line.includes("|") && TABLE_RULE.test(lines.next ?? "") && lines.next.includes("-")) return table(lines, context);
  return paragraph(lines, context);
}

function* blocksOf(lines, context, depth) {
  while (lines.more) {
    const from = lines.at;
    if (isBlank(lines.line) || DEFINITION.test(lines.line)) lines.take();
    else yield placed(block(lines, context, depth), lines, from);
  }
}

// Addresses that links refer to by a name; the first of a name counts.
function referencesOf(lines) {
  const references = new Map();
  let open = "";  // the mark of the code block that a line is in
  for (const line of lines) {
    if (open === "") open = FENCE.exec(line)?.[1] ?? "";
    else if (endsFence(line, open)) open = "";
    const found = open === "" && /^ {0,3}\[/.test(line) && DEFINITION.exec(line);
    if (found && !references.has(nameOfReference(found[1]))) references.set(nameOfReference(found[1]), found[2]);
  }
  return references;
}

// Elements of a document, one after another, so that the caller may pause between them. codeBlock(text, language) makes
// the element of a piece of source code. Comments are left out, but for their line breaks: lines keep their numbers.
export function* markdownBlocks(text, codeBlock) {
  const plain = text.replace(/\r\n?/g, "\n").replace(/<!--[^]*?(?:-->|$)/g, (comment) => comment.replace(/[^\n]+/g, ""));
  const lines = new Lines(plain.split("\n"));
  const context = {codeBlock, references: referencesOf(lines.lines)};
  if (lines.line === "---") {
    const end = lines.lines.indexOf("---", 1);
    if (end > 1) {
      lines.at = end + 1;
      yield placed(codeBlock(lines.lines.slice(1, end).join("\n"), "yaml"), lines, 0);
    }
  }
  yield* blocksOf(lines, context, 0);
}
