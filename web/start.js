// SPDX-License-Identifier: Apache-2.0
// The page before anything was asked: what is in the index, and searches to begin with.
import * as api from "./api.js";
import {copyButton, count, make, plural, replace} from "./dom.js";
import {titleOf} from "./fields.js";

const SAMPLE = 24;    // documents that are looked at
const EXAMPLES = 6;
const SHORTEST = 6, LONGEST = 80;  // characters of an example

// Some documents from a random place; [] when there are none.
export async function sampleDocuments(index, signal) {
  const offset = Math.floor(Math.random() * Math.max(1, index.documents - SAMPLE + 1));
  const page = await api.listDocuments(index.name, offset, SAMPLE, signal);
  return page.results ?? [];
}

// A title as somebody might type it: no path, no ending, words apart.
function asQuery(title) {
  const name = title.includes("/") && !title.includes(" ") ? title.split("/").pop().replace(/\.\w{1,5}$/, "") : title;
  return name.replace(/::|[_:()]/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2").replace(/\s+/g, " ").trim();
}

export function exampleQueries(documents) {
  const titles = documents.map((document) => asQuery(titleOf(document)));
  const fit = [...new Set(titles)].filter((title) => title.length >= SHORTEST && title.length <= LONGEST && /\p{L}{3}/u.test(title));
  const several = fit.filter((title) => title.includes(" "));
  const pool = several.length >= EXAMPLES ? several : fit;
  return pool.map((title) => [Math.random(), title]).sort((a, b) => a[0] - b[0]).slice(0, EXAMPLES).map(([, title]) => title);
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
    make("ul", {class: "examples"}, examples.map((query) =>
      make("li", null, make("button", {type: "button", onclick: () => choose(query)}, query)))),
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
