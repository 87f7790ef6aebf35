// SPDX-License-Identifier: Apache-2.0
// What the page shows, as the query part of its address: every state can be kept, sent, and gone back to. An address
// without a mode has the index's own, which the page fills in.
//   ?q=…&index=…&mode=semantic&filter=…&in=src/http/&f.lang=go&f.lang=c&doc=ID&at=120-560     ?view=server
// `at` is the passage of the document that was found, in bytes as in `passage` of a search's answer.

export const MODES = {hybrid: 0.5, semantic: 1, lexical: 0};  // name -> semantic_ratio
const FACET = "f.";

export const emptyState = () =>
  ({q: "", index: "", mode: "", filter: "", within: "", facets: {}, doc: "", at: "", view: ""});

export function readState(search = location.search) {
  const state = emptyState();
  for (const [name, value] of new URLSearchParams(search)) {
    if (name.startsWith(FACET) && isFieldName(name.slice(FACET.length))) {
      const values = state.facets[name.slice(FACET.length)] ??= [];
      if (!values.includes(value)) values.push(value);
    } else if (name === "in") {
      state.within = value;
    } else if (name === "mode") {
      if (Object.hasOwn(MODES, value)) state.mode = value;
    } else if (name === "at") {
      if (/^\d{1,9}-\d{1,9}$/.test(value)) state.at = value;
    } else if (["q", "index", "filter", "doc", "view"].includes(name)) {
      state[name] = value;
    }
  }
  return state;
}

// The address of a state; what is at its default is left out.
export function addressOf(state) {
  const query = new URLSearchParams();
  for (const name of ["q", "index", "filter", "mode"]) if (state[name]) query.set(name, state[name]);
  if (state.within) query.set("in", state.within);
  for (const [field, values] of Object.entries(state.facets)) {
    for (const value of values) query.append(FACET + field, value);
  }
  for (const name of state.doc ? ["doc", "at", "view"] : ["view"]) if (state[name]) query.set(name, state[name]);
  const text = query.toString().replace(/%2F/g, "/").replace(/%3A/g, ":");  // which may stand there, and are read with ease
  return text ? `/?${text}` : "/";
}

// Names that the filter grammar takes.
export const isFieldName = (name) => /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/.test(name);

// A string of the filter grammar, which has the escapes of JSON.
export const quote = (text) => JSON.stringify(text);

// A field as the grammar names it: its own words stand between backticks.
const nameOf = (field) =>
  field.split(".").map((part) => (/^(and|or|not|in|is|null|true|false)$/i.test(part) ? `\`${part}\`` : part)).join(".");

// Of a field without texts. An address may hold anything: what is no number, true or false is a text that no document has.
const literalOf = (value) => (/^(-?\d+(\.\d+)?(e[-+]?\d+)?|true|false)$/i.test(value) ? value : quote(value));

// The filter expression of all that is chosen. fields: a Fields, which knows their types; `except`: a facet left out, to
// count its other values.
export function filterOf(state, fields, except = "") {
  const parts = [];
  for (const [field, values] of Object.entries(state.facets)) {
    if (field === except || values.length === 0) continue;
    // What stands in quotes is a text beside numbers that are spelled like it.
    const literals = values.map((value) => (value.startsWith('"') ? value : fields.isText(field) ? quote(value) : literalOf(value)));
    parts.push(literals.length === 1 ? `${nameOf(field)} = ${literals[0]}` : `${nameOf(field)} IN [${literals.join(", ")}]`);
  }
  if (state.within && fields.pathField) parts.push(`${fields.pathField} STARTS WITH ${quote(state.within)}`);
  // First, so that places in the server's messages are nearly those in the box.
  const own = state.filter.trim();
  if (own) parts.unshift(parts.length > 0 ? `(${own})` : own);
  return parts.join(" AND ");
}

export const filterCount = (state) =>
  Object.values(state.facets).reduce((sum, values) => sum + values.length, 0) + (state.within ? 1 : 0) +
  (state.filter.trim() ? 1 : 0);

// Do two states give the same list of results?
export const sameSearch = (a, b) =>
  ["q", "index", "mode", "filter", "within"].every((name) => a[name] === b[name]) &&
  JSON.stringify(a.facets) === JSON.stringify(b.facets);
