// SPDX-License-Identifier: Apache-2.0
// What the documents of an index are made of: nobody declares their fields, so the page learns them from those it sees.
// Which field is the title, the path, the body; which are worth a filter; which are too long to ask for in a list.
import {isFieldName} from "./state.js";

const TITLES = ["title", "name", "heading", "subject", "path", "file", "url", "id"];
const PATHS = ["path", "file", "filename"];
const BODIES = ["code", "text", "content", "body", "summary", "abstract", "description"];
const LANGUAGES = ["lang", "language"];
// Fields that are filters wherever they occur, in this order; others must show that their values repeat.
const KNOWN_FACETS = ["lang", "language", "kind", "type", "category", "dir", "folder", "section", "tags", "tag", "author", "year"];
const ALWAYS_ASKED = [...TITLES, ...LANGUAGES, "signature", "kind", "dir", "line", "line_from", "line_to", "tags"];
const LONG = 300;       // characters: longer is body, not metadata
const FACET_LONG = 60;  // of a value that can stand in a list
const MAX_FACETS = 5;
const MAX_VALUES = 400;

const LABELS = {lang: "Language", dir: "Folder", id: "ID", url: "URL", doc: "Document"};

// A field's name for people: "created_at" is "Created at".
export function labelOf(name) {
  if (LABELS[name]) return LABELS[name];
  const words = name.replace(/[_.]+/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const text = (value) => (typeof value === "string" && value.trim() !== "" ? value : null);
const firstText = (document, names) => names.map((name) => text(document[name])).find(Boolean) ?? null;

export const languageOf = (document) => firstText(document, LANGUAGES);
export const pathOf = (document) => firstText(document, PATHS);
export const pathFieldOf = (document) => PATHS.find((name) => text(document[name])) ?? null;

export function titleOf(document, id) {
  const title = firstText(document, TITLES) ?? String(id ?? document.id ?? "untitled");
  const line = title.trim().split("\n", 1)[0];
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}

// The name of the field that is shown at length; null when there is none.
export function bodyField(document) {
  return BODIES.find((name) => text(document[name])) ??
    Object.keys(document).find((name) => typeof document[name] === "string" && document[name].length > LONG) ?? null;
}

// "12–40" from {"line": {"from": 12, "to": 40}} and its cousins; null without.
export function linesOf(document) {
  const line = document.line ?? document.lines;
  const from = line?.from ?? line?.start ?? line?.begin ?? document.line_from ?? document.line_start ?? line;
  const to = line?.to ?? line?.end ?? document.line_to ?? document.line_end;
  if (!Number.isInteger(from)) return null;
  return Number.isInteger(to) && to > from ? `${from}–${to}` : `${from}`;
}

// The characters [begin, end) of document[field] that a hit's passage is; null where it is elsewhere. A passage counts
// bytes of the text that was indexed: the text fields, a line break between them.
export function passageIn(document, field, passage, textFields) {
  if (!Number.isInteger(passage?.begin) || !Number.isInteger(passage?.end)) return null;
  const own = (textFields ?? []).length > 0 ? textFields : ["title", "text"];
  let names = own.filter((name) => typeof document[name] === "string");
  if (names.length === 0) names = Object.keys(document).filter((name) => typeof document[name] === "string");
  const encoder = new TextEncoder(), decoder = new TextDecoder();
  let before = 0;
  for (const name of names) {
    const bytes = encoder.encode(document[name]);
    if (name === field) {
      const begin = Math.max(0, passage.begin - before), end = Math.min(bytes.length, passage.end - before);
      if (end <= begin) return null;
      const from = decoder.decode(bytes.subarray(0, begin)).length;
      return [from, from + decoder.decode(bytes.subarray(begin, end)).length];
    }
    before += bytes.length + 1;
  }
  return null;
}

export class Fields {
  #fields = new Map();  // name -> {seen, text, long, values: Map value -> how often}
  #documents = 0;

  observe(documents) {
    for (const document of documents) {
      this.#documents += 1;
      for (const [name, value] of Object.entries(document)) {
        if (isFieldName(name)) this.#see(name, value);
      }
    }
  }

  #see(name, value) {
    const values = Array.isArray(value) ? value : [value];
    if (values.some((one) => one !== null && typeof one === "object")) return;
    const field = this.#fields.get(name) ?? {seen: 0, text: false, long: false, values: new Map()};
    this.#fields.set(name, field);
    field.seen += 1;
    for (const one of values) {
      if (one === null) continue;
      if (typeof one === "string") {
        field.text = true;
        field.long ||= one.length > LONG;
        field.facetLong ||= one.length > FACET_LONG;
      }
      if (!field.long && field.values.size < MAX_VALUES) field.values.set(one, (field.values.get(one) ?? 0) + 1);
    }
  }

  // Unknown fields count as text.
  isText(name) { return this.#fields.get(name)?.text ?? true; }

  get pathField() { return PATHS.find((name) => this.#fields.get(name)?.text) ?? null; }

  // Fields of a list's documents: all that are short.
  get attributes() {
    const names = new Set(ALWAYS_ASKED);
    for (const [name, field] of this.#fields) if (!field.long && !BODIES.includes(name)) names.add(name);
    return [...names];
  }

  get facets() {
    const worth = (name, field) => {
      if (field.long || field.facetLong || TITLES.includes(name) || BODIES.includes(name)) return false;
      if (KNOWN_FACETS.includes(name)) return true;
      const repeated = [...field.values.values()].reduce((sum, often) => sum + often, 0) - field.values.size;
      // Numbers that are measures (stars, bytes) make bad lists; few and repeated ones are classes.
      return repeated >= 0.5 * field.seen && field.seen >= 4 && (field.text || field.values.size <= 6);
    };
    const names = [...this.#fields].filter(([name, field]) => worth(name, field)).map(([name]) => name);
    const rank = (name) => (KNOWN_FACETS.includes(name) ? KNOWN_FACETS.indexOf(name) : KNOWN_FACETS.length);
    return names.sort((a, b) => rank(a) - rank(b)).slice(0, MAX_FACETS);
  }
}
