// SPDX-License-Identifier: Apache-2.0
// The page before anything was asked: what is in the index, and searches to begin with.
import * as api from "./api.js";
import {copyButton, count, make, plural, replace} from "./dom.js";
import {languageOf, pathOf} from "./fields.js";
import {languageFor} from "./highlight.js";

const SAMPLE = 24;    // documents that are looked at
const EXAMPLES = 6;
const ENOUGH = 3;     // of examples; with fewer, texts are asked for
const SHORTEST = 10, LONGEST = 70, LONGEST_SENTENCE = 120;  // characters of an example
const TEXTS = 'lang IN ["markdown", "text"]';

// Some documents from a random place, and texts where there are hardly any among them; [] when there are none.
export async function sampleDocuments(index, signal) {
  const offset = Math.floor(Math.random() * Math.max(1, index.documents - SAMPLE + 1));
  const some = (await api.listDocuments(index.name, offset, SAMPLE, {signal})).results ?? [];
  if (some.length < SAMPLE || exampleQueries(some).length >= ENOUGH) return some;
  return [...some, ...(await api.listDocuments(index.name, 0, SAMPLE, {filter: TEXTS, signal})).results ?? []];
}

// Words as somebody might type them: two or more, none of them twice, and nothing that looks like code or a name of a file.
// Whole sentences on code may name a member: "l.mu".
function isProse(text, sentence) {
  const words = text.toLowerCase().match(/[\p{L}\p{M}\p{N}'’-]+/gu) ?? [];
  return text.length >= SHORTEST && text.length <= (sentence ? LONGEST_SENTENCE : LONGEST) && words.length >= 2 && (sentence || new Set(words).size === words.length) &&
    !/[<>{}()[\]=;_`\\|$#*/@&"]|::|\p{Ll}\p{Lu}/u.test(text) && (sentence || !/\S[.:]\S/u.test(text)) && text.replace(/[^\p{L}\p{M}\s]+/gu, "").length >= 0.8 * text.length;
}

// Up to a full stop with nothing or a space after it: the dots of "l.mu" and "v1.2" end none.
const firstSentence = (text) => (typeof text === "string" ? /^.*?(?=[.!?]+(?:\s|$)|\n|$)/u.exec(text)[0] : null);

// What a document might be asked for: of a text its title and headings, of code the first sentence on it.
function questionsTo(document) {
  const code = document.kind === "code" || languageFor(languageOf(document), pathOf(document)) !== null;
  const headings = Array.isArray(document.sections) ? document.sections.map((one) => one?.title) : [];
  const all = code ? [firstSentence(document.summary)] : [document.title ?? document.heading ?? document.subject, ...headings];
  return all.filter((one) => typeof one === "string").map((one) => one.replace(/^[\d.]+\s+/, "").trim()).filter((one) => isProse(one, code));
}

export function exampleQueries(documents) {
  const pool = [...new Set(documents.flatMap(questionsTo))];
  return pool.map((text) => [Math.random(), text]).sort((a, b) => a[0] - b[0]).slice(0, EXAMPLES).map(([, text]) => text);
}

// index: an object of GET /indexes. choose(query): an example was chosen.
export function showStart(root, index, documents, choose) {
  if (index.documents === 0) {
    replace(root, emptyIndex(index));
    return;
  }
  const examples = exampleQueries(documents);
  const model = index.model;
  replace(root,
    make("h2", {class: "start-title"}, `Search ${plural(index.documents, "document")}`),
    make("p", {class: "start-facts"}, [plural(index.chunks, "passage"), model?.name, model?.dtype && `${model.dtype}, ${count(model.dimensions)} dimensions`]
      .filter(Boolean).map((fact) => make("span", null, fact))),
    examples.length > 0 ? make("h3", {class: "start-label"}, "Try") : null,
    examples.length > 0 ? make("ul", {class: "examples"}, examples.map((query) =>
      make("li", null, make("button", {type: "button", dir: "auto", onclick: () => choose(query)}, query)))) : null,
    make("p", {class: "muted keys-line"}, make("kbd", null, "/"), " search  ", make("kbd", null, "↓"), " results  ", make("kbd", null, "Enter"), " open  ", make("kbd", null, "Esc"), " back  ", make("kbd", null, "?"), " all keys"));
}

function emptyIndex(index) {
  const address = `${location.origin}/indexes/${encodeURIComponent(index.name)}/documents`;
  const line = `curl ${address} -H 'Content-Type: application/json' -d '[{"id": "a", "title": "A title", "text": "A text"}]'`;
  return make("div", {class: "notice"},
    make("h2", null, "This index is empty"),
    make("p", null, "Add documents from the shell with ", make("code", null, "minnow index add"), ", or over HTTP:"),
    make("div", {class: "command"}, make("code", null, line), copyButton(() => line)));
}
