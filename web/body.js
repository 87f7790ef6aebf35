// SPDX-License-Identifier: Apache-2.0
// A document's texts as elements: source code, Markdown or plain paragraphs; long ones grow in slices between frames.
import {CodeView} from "./code.js";
import {breathe, make, plural} from "./dom.js";
import {labelOf, languageOf, linesOf, passageIn, pathOf} from "./fields.js";
import {isMarkdown, languageFor} from "./highlight.js";
import {markdownBlocks} from "./markdown.js";
import {markWords} from "./marks.js";
import {snippetParts} from "./snippet.js";

const BLOCKS_AT_ONCE = 60;  // of prose, between two frames

// Plain text: paragraphs are parted by blank lines.
function* paragraphs(text) {
  let begin = 0;
  const ends = /\n[ \t\r]*\n\s*/g;
  for (let match = ends.exec(text); match !== null; match = ends.exec(text)) {
    if (match.index > begin) yield make("p", {class: "plain", dir: "auto"}, text.slice(begin, match.index));
    begin = match.index + match[0].length;
  }
  if (begin < text.length) yield make("p", {class: "plain", dir: "auto"}, text.slice(begin));
}

const oneSpaced = (text) => text.replace(/\s+/g, " ").trim();

// A piece of the snippet by which its place is known in prose: the longest without marks of Markdown. "" when too short.
function telling(hit) {
  const text = snippetParts(hit?.snippet).map((part) => part.text).join("");
  const pieces = text.split(/[`*_[\]()#>|<\n…]+/).map(oneSpaced);
  const longest = pieces.reduce((best, piece) => (piece.length > best.length ? piece : best), "");
  return longest.length >= 12 ? longest : "";
}

export class Body {
  #stopped = false;
  #views = [];
  #document;
  #hit;
  #words;
  #textFields;
  #title;
  #onPassage;

  // title: what stands above as the document's own; hit: what a list knows of it, or null; words: to be marked;
  // textFields: of the index; onPassage(show): called when the passage that was found is known, show() goes there.
  constructor(document, {title, hit, words, textFields, onPassage}) {
    this.#document = document;
    this.#title = title;
    this.#hit = hit;
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
    else if (markdown) this.#prose(section, main, markdownBlocks(text, (code, name) => this.#code(code, {language: name}).element));
    else this.#prose(section, main, paragraphs(text));
    return section;
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
    const passage = this.#hit && passageIn(this.#document, field, this.#hit.passage, this.#textFields);
    const covers = passage && passage[1] - passage[0] > 0.9 * text.length;  // all of it: nothing to point at
    if (!passage || covers) return;
    view.mark(...passage);
    this.#onPassage(() => view.reveal());
  }

  // Adds elements in slices, so that long texts appear at once and grow.
  async #prose(section, main, blocks) {
    const holder = make("div", {class: "prose"});
    section.append(holder);
    let sought = main ? telling(this.#hit) : "";
    let group = null, size = 0, first = true;
    for (const block of blocks) {
      const repeats = first && /^H\d$/.test(block.tagName) && oneSpaced(block.textContent) === oneSpaced(this.#title);
      first = false;
      if (repeats) continue;
      if (group === null) holder.append(group = make("div", {class: "prose-group"}));
      group.append(block);
      if (sought && oneSpaced(block.textContent).includes(sought)) {
        sought = "";
        block.classList.add("passage");
        this.#onPassage(() => block.scrollIntoView({block: "center"}));
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
