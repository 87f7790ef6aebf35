// SPDX-License-Identifier: Apache-2.0
// A document's texts as elements: source code, Markdown or plain paragraphs; long ones grow in slices between frames.
import {CodeView} from "./code.js";
import {breathe, make, plural} from "./dom.js";
import {bodyField, labelOf, languageOf, linesOf, passageIn, pathOf} from "./fields.js";
import {isMarkdown, languageFor} from "./highlight.js";
import {markdownBlocks} from "./markdown.js";
import {markWords} from "./marks.js";
import {placeOfSnippet} from "./snippet.js";

const BLOCKS_AT_ONCE = 60;  // of prose, between two frames

// Its first letter is of a script from right to left.
const BEGINS_RTL = /^\P{L}*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/u;

const linesIn = (text) => text.match(/\r\n?|\n/g)?.length ?? 0;

// Plain text: paragraphs are parted by blank lines.
function* paragraphs(text) {
  let begin = 0, line = 0;
  const paragraph = (end) => {
    const part = text.slice(begin, end), from = line;
    line += linesIn(part);
    return make("p", {class: "plain", dir: "auto", "data-from": from, "data-to": line + 1}, part);
  };
  const ends = /\n[ \t\r]*\n\s*/g;
  for (let match = ends.exec(text); match !== null; match = ends.exec(text)) {
    if (match.index > begin) yield paragraph(match.index);
    line += linesIn(match[0]);
    begin = match.index + match[0].length;
  }
  if (begin < text.length) yield paragraph(text.length);
}

const oneSpaced = (text) => text.replace(/\s+/g, " ").trim();

// The lines [from, to) that hold the characters [begin, end), without white space around them.
function linesOfRange(text, [begin, end]) {
  const part = text.slice(begin, end);
  const from = linesIn(text.slice(0, begin + part.length - part.trimStart().length));
  return [from, from + linesIn(part.trim()) + 1];
}

const isIn = (element, [from, to]) => Number(element.dataset.from) < to && Number(element.dataset.to) > from;

// Of a block what lies within the lines: its items or rows, where it has some and not all do; else itself.
function partsWithin(block, lines) {
  if (!isIn(block, lines)) return [];
  const parts = [...block.querySelectorAll("[data-from]")];
  const within = parts.filter((part) => isIn(part, lines));
  return within.length > 0 && within.length < parts.length ? within : [block];
}

export class Body {
  #stopped = false;
  #views = [];
  #document;
  #passage;
  #snippet;
  #words;
  #textFields;
  #title;
  #onPassage;

  // title: what stands above as the document's own; passage: {begin, end} in bytes, as a search gives it, or null: then the
  // snippet, if any, tells the place; words: to be marked; textFields: of the index; onPassage(show): called when the
  // passage is on the page, show() goes there.
  constructor(document, {title, passage, snippet, words, textFields, onPassage}) {
    this.#document = document;
    this.#title = title;
    this.#passage = passage;
    this.#snippet = snippet;
    this.#words = words;
    this.#textFields = textFields;
    this.#onPassage = onPassage;
  }

  stop() {
    this.#stopped = true;
    for (const view of this.#views) view.stop();
  }

  // The section of one field; `main` is shown by the document's language, others are prose (or code, by their name).
  section(field, main) {
    const document = this.#document;
    const text = document[field];
    const language = languageOf(document), path = pathOf(document);
    const section = make("section", {class: main ? "body" : "field"}, main ? null : make("h3", null, labelOf(field)));
    const markdown = main && isMarkdown(language, path);
    const source = field === "code" || (main && !markdown && (document.kind === "code" || languageFor(language, path) !== null));
    if (source) this.#source(section, field, text, language, path);
    else if (markdown) this.#prose(section, field, markdownBlocks(text, (code, name) => this.#code(code, {language: name}).element), main);
    else this.#prose(section, field, paragraphs(text), main);
    return section;
  }

  // The characters of a field that were found; null where they are elsewhere, or all of it: nothing to point at.
  #found(field, main) {
    const text = this.#document[field];
    const range = this.#passage ? passageIn(this.#document, field, this.#passage, this.#textFields)
      : main && this.#snippet ? placeOfSnippet(text, this.#snippet) : null;
    return range === null || range[1] - range[0] > 0.9 * text.length ? null : range;
  }

  #code(text, options) {
    const view = new CodeView(text, {...options, onShown: (element) => markWords(element, this.#words)});
    this.#views.push(view);
    return view;
  }

  #source(section, field, text, language, path) {
    const firstLine = Number(/^\d+/.exec(linesOf(this.#document) ?? "1")?.[0] ?? 1);
    const view = this.#code(text, {language, path, firstLine});
    section.append(make("p", {class: "body-note"}, [linesOf(this.#document)?.includes("–") ? `lines ${linesOf(this.#document)}` : plural(view.lines, "line"), language].filter(Boolean).join(" · ")), view.element);
    if (view.cut) section.append(make("p", {class: "muted"}, "Only the first 4 million characters are shown; “JSON” gives all."));
    const found = this.#found(field, field === bodyField(this.#document));
    if (found === null) return;
    const crs = (end) => text.slice(0, end).match(/\r\n/g)?.length ?? 0;  // which the view leaves out
    view.mark(...found.map((at) => at - crs(at)));
    this.#onPassage(() => view.reveal());
  }

  // Adds elements in slices, so that long texts appear at once and grow.
  async #prose(section, field, blocks, main) {
    const holder = make("div", {class: "prose", dir: BEGINS_RTL.test(this.#document[field]) ? "rtl" : null});
    section.append(holder);
    const found = this.#found(field, main);
    const lines = found && linesOfRange(this.#document[field], found);
    let shown = false;
    let group = null, size = 0, first = true;
    for (const block of blocks) {
      const repeats = first && main && /^H\d$/.test(block.tagName) && oneSpaced(block.textContent) === oneSpaced(this.#title);
      first = false;
      if (repeats) continue;
      if (group === null) holder.append(group = make("div", {class: "prose-group"}));
      group.append(block);
      const parts = lines ? partsWithin(block, lines) : [];
      for (const part of parts) part.classList.add("passage");
      if (parts.length > 0 && !shown) {
        shown = true;
        this.#onPassage(() => parts[0].scrollIntoView({block: parts[0].offsetHeight > innerHeight / 2 ? "start" : "center"}));
      }
      size += 1;
      if (size < BLOCKS_AT_ONCE) continue;
      markWords(group, this.#words);
      group = null;
      size = 0;
      await breathe();
      if (this.#stopped) return;
    }
    if (group !== null) markWords(group, this.#words);
  }
}
