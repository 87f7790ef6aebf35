// SPDX-License-Identifier: Apache-2.0
// The view of one document: its title, fields, texts, and the documents like it.
import * as api from "./api.js";
import {Body} from "./body.js";
import {crumbs, hitCard} from "./card.js";
import {breakable, copyButton, icon, make, replace} from "./dom.js";
import {bodyField, labelOf, languageOf, pathFieldOf, pathOf, titleOf} from "./fields.js";
import {safeAddress} from "./markdown.js";
import {markWords} from "./marks.js";
import {markedWords} from "./snippet.js";
import {MODES} from "./state.js";

const LONG = 160;  // characters: a field that is longer, or has lines, gets a section of its own
const RELATED = 10;
const FIND_MS = 1500;  // for what was found in a document, before it is shown without

const isLong = (value) => typeof value === "string" && (value.length > LONG || value.trim().includes("\n"));

// Words of a query, where no answer tells which of them, and in which forms, the document has.
const queryWords = (query) => [...new Set(query.toLowerCase().match(/[\p{L}\p{N}_]{3,}/gu) ?? [])];

function metadataValue(value) {
  if (typeof value === "string" && safeAddress(value)) {
    return make("a", {href: value, rel: "noopener noreferrer nofollow", target: "_blank"}, value, " ", icon("external"));
  }
  if (Array.isArray(value) && value.every((one) => one === null || typeof one !== "object")) {
    return make("span", {class: "chips"}, value.slice(0, 50).map((one) => make("span", {class: "chip"}, String(one))));
  }
  return value !== null && typeof value === "object" ? make("code", null, JSON.stringify(value).slice(0, 400)) : String(value);
}

// The passage that an address names, else the one that a search found by meaning; null: none.
function passageOf(at, hit) {
  const [begin, end] = at.split("-").map(Number);
  if (at && begin < end) return {begin, end};
  return typeof hit?.semantic_score === "number" ? hit.passage : null;
}

// The headings of a long text, which its documents may carry as [{title}]; each leads to its place.
function contents(document, title, article) {
  const all = Array.isArray(document.sections) ? document.sections : [];
  const sections = all.filter((one) => typeof one?.title === "string" && one.title !== title).slice(0, 60);
  if (sections.length < 3) return null;
  const go = (title) => {
    const headings = [...article.querySelectorAll(".prose :is(h3, h4, h5, h6)")];
    const found = headings.find((heading) => heading.textContent.trim() === title.trim());
    found?.scrollIntoView({block: "start"});
    found?.setAttribute("tabindex", "-1");
    found?.focus({preventScroll: true});
  };
  return make("nav", {class: "contents", "aria-labelledby": "contents-title"},
    make("details", {open: matchMedia("(min-width: 1021px)").matches}, make("summary", {id: "contents-title"}, "On this page"),
      make("ul", null, sections.map(({title}) => make("li", null, make("button", {type: "button", class: "link", onclick: () => go(title)}, title))))));
}

function metadata(document, hidden) {
  const rows = Object.entries(document).filter(([name, value]) =>
    !hidden.has(name) && value !== null && value !== "" && !isLong(value) && !(Array.isArray(value) && value.length === 0));
  if (rows.length === 0) return null;
  return make("dl", {class: "metadata"}, rows.map(([name, value]) =>
    make("div", null, make("dt", null, labelOf(name)), make("dd", null, metadataValue(value)))));
}

// A sentence on the document, for its head; null where the summary is the text itself, or there is none.
const leadOf = (document, body) =>
  body !== "summary" && typeof document.summary === "string" && document.summary.trim() !== "" ? document.summary.trim() : null;

// Kuberian's documents are functions of Kubernetes v1.27.4, and tell the lines of their files.
function sourceAddress(index, document) {
  const {file, signature, line} = document;
  if (index.name !== "functions" || typeof file !== "string" || typeof signature !== "string" || !Number.isInteger(line?.start)) return null;
  return `https://github.com/kubernetes/kubernetes/blob/v1.27.4/${file.split("/").map(encodeURIComponent).join("/")}#L${line.start}-L${line.end ?? line.start}`;
}

// Fields that the head shows already: the title, the path and what it begins with, the lead.
function shownAbove(document, title, body) {
  const path = pathOf(document);
  const shown = new Set([body, "title", "sections", "line", pathFieldOf(document)]);
  if (leadOf(document, body)) shown.add("summary");
  if (body && languageOf(document)) shown.add("signature");  // the text begins with it
  for (const [name, value] of Object.entries(document)) {
    if (value === title || value === path) shown.add(name);
    else if (typeof value === "string" && path?.startsWith(`${value}/`)) shown.add(name);
  }
  return shown;
}

export class DocumentView {
  #root;
  #navigate;
  #controller = null;
  #body = null;

  // root: an empty element. navigate: {back(), open(id), within(prefix), addressOf(id)}.
  constructor(root, navigate) {
    this.#root = root;
    this.#navigate = navigate;
  }

  close() {
    this.#controller?.abort();
    this.#body?.stop();
    this.#body = null;
    replace(this.#root);
    markWords.clear();
  }

  // index: an object of GET /indexes. state: the page's; its `doc` is shown. listed: what a list knows of the document, or
  // null: then the search is asked again, for this document alone. Resolves to the title, or to null where it cannot be shown.
  async show(index, state, listed) {
    const id = state.doc;
    this.close();
    const {signal} = this.#controller = new AbortController();
    this.#root.setAttribute("aria-busy", "true");
    this.#root.append(this.#bar(), make("p", {class: "loading", role: "status"}, "Opening the document…"));
    let document = null, hit = listed;
    const asked = listed === null && state.q !== "" ? this.#find(index, state, signal) : listed;
    try {
      document = await api.getDocument(index, id, signal);
      hit = await asked;
    } catch (error) {
      if (error.name !== "AbortError") this.#fail(index, id, error);
    }
    if (signal.aborted) return null;
    this.#root.removeAttribute("aria-busy");
    if (document === null) return null;
    this.#render(index, state, document, hit);
    this.#related(index.name, id, signal);
    return titleOf(document, id);
  }

  // Of the search, this document's hit; null where there is none, or not soon.
  #find(index, {doc, q, mode}, signal) {
    const query = {q, semantic_ratio: MODES[mode], highlight: true};
    const late = new Promise((resolve) => setTimeout(() => resolve(null), FIND_MS));
    return Promise.race([api.searchWithin(index, doc, query, signal).catch(() => null), late]);
  }

  #fail(index, id, error) {
    const missing = error.status === 404;
    replace(this.#root, this.#bar(), make("div", {class: "notice error", role: "alert"},
      make("h2", {tabindex: "-1"}, missing ? "There is no such document" : "The document could not be opened"),
      make("p", null, missing ? `“${id}” is not in the index “${index.name}”; it may have been deleted.` : error.message)));
  }

  #bar(...atEnd) {
    return make("div", {class: "document-bar"},
      make("button", {type: "button", class: "quiet back", onclick: () => this.#navigate.back()}, icon("back"), "Back", make("kbd", null, "Esc")),
      make("span", {class: "bar-end"}, atEnd));
  }

  #render(index, {doc: id, q: query, at}, document, hit) {
    const field = bodyField(document);
    const title = titleOf(document, id);
    const path = pathOf(document);
    const hidden = shownAbove(document, title, field);
    const lead = leadOf(document, field);
    const source = sourceAddress(index, document);
    const toPassage = make("button", {type: "button", class: "quiet", id: "to-passage", hidden: true}, icon("down"), "Passage found");
    const article = make("article", {class: "document"},
      make("header", null,
        path ? crumbs(path, (prefix) => this.#navigate.within(prefix)) : null,
        make("h2", {tabindex: "-1", class: "document-title", dir: "auto"}, breakable(path === title ? path.split("/").pop() : title)),
        lead ? make("p", {class: "lead", dir: "auto"}, lead) : null,
        metadata(document, hidden),
        source ? make("p", null, make("a", {href: source, rel: "noopener noreferrer", target: "_blank"}, "Source lines ", icon("external"))) : null));
    this.#body = new Body(document, {title, passage: passageOf(at, hit), snippet: hit?.snippet, words: hit ? markedWords(hit.snippet) : queryWords(query),
      textFields: index.text_fields,
      onPassage: (show) => {
        toPassage.hidden = false;
        toPassage.addEventListener("click", show);
      }});
    if (field) article.append(this.#body.section(field, true));
    for (const [name, value] of Object.entries(document)) {
      if (!hidden.has(name) && isLong(value)) article.append(this.#body.section(name, false));
    }
    if (!field) article.append(make("p", {class: "muted"}, "This document has no text."));
    replace(this.#root,
      this.#bar(toPassage, copyButton(() => String(document[field] ?? JSON.stringify(document, null, 2)), "Copy text"),
        this.#json(index, id)),
      make("div", {class: "document-grid"}, article,
        make("aside", {class: "related", "aria-label": "Beside the document"}, contents(document, title, article),
          make("h2", {id: "related-title"}, "Related"),
          make("p", {class: "muted", id: "related-note", role: "status"}, "Looking…"),
          make("ol", {class: "hits compact", id: "related", "aria-labelledby": "related-title"}))));
  }

  // The way to the document's JSON. A new tab sends no key: where there is one, the answer is fetched here and shown there.
  #json(index, id) {
    if (!api.hasKey()) return make("a", {class: "quiet", href: api.documentPath(index, id), target: "_blank", rel: "noopener"}, icon("code"), "JSON");
    const words = make("span", null, "JSON");
    const open = async () => {
      try {
        const address = URL.createObjectURL(new Blob([await api.documentText(index, id)], {type: "application/json"}));
        window.open(address, "_blank");
        setTimeout(() => URL.revokeObjectURL(address), 60_000);  // the tab has read it by then
      } catch (error) {
        words.textContent = error.message;
      }
    };
    return make("button", {type: "button", class: "quiet", id: "json", onclick: open}, icon("code"), words);
  }

  async #related(index, id, signal) {
    const [list, note] = ["#related", "#related-note"].map((selector) => this.#root.querySelector(selector));
    try {
      const answer = await api.similar(index, {id, limit: RELATED}, signal);
      const hits = answer.hits.filter((hit) => hit.id !== id);
      replace(list, hits.map((hit) => hitCard(hit, {href: this.#navigate.addressOf(hit.id), open: () => this.#navigate.open(hit.id), compact: true})));
      note.textContent = "Nothing else is like it.";
      note.hidden = hits.length > 0;
    } catch (error) {
      if (error.name !== "AbortError") note.textContent = `Not available: ${error.message}`;
    }
  }
}
