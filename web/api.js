// SPDX-License-Identifier: Apache-2.0
// The server's HTTP interface, as the page uses it. Only relative addresses: no request leaves this server.

const KEY_NAME = "minnow-api-key";

export class ApiError extends Error {
  constructor(message, {status = 0, code = "", retryAfter = 0} = {}) {
    super(message);
    this.status = status;  // 0: no answer at all
    this.code = code;
    this.retryAfter = retryAfter;  // seconds
  }
  get isFilter() { return this.status === 400 && /^filter\b/.test(this.message); }
  get isBusy() { return this.status === 429; }
  get isLoading() { return this.status === 503; }
  get isLocked() { return this.status === 401; }
}

export const hasKey = () => Boolean(sessionStorage.getItem(KEY_NAME));

// Sets the API key for this tab; "" forgets it.
export function setKey(key) {
  if (key) sessionStorage.setItem(KEY_NAME, key);
  else sessionStorage.removeItem(KEY_NAME);
}

async function errorOf(response) {
  const text = (await response.text()).slice(0, 2000);
  const details = {status: response.status, retryAfter: Number(response.headers.get("Retry-After")) || 0};
  try {
    const error = JSON.parse(text).error;
    if (error && typeof error === "object") return new ApiError(String(error.message), {...details, code: error.code});
    if (typeof error === "string") return new ApiError(error, details);
  } catch {
    // Not JSON: the text itself says what is wrong.
  }
  return new ApiError(text.trim() || `status ${response.status}`, details);
}

// Throws ApiError, or AbortError when `signal` was aborted.
async function send(method, path, {body, signal, keepalive, accept = "application/json"} = {}) {
  const headers = {Accept: accept};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const key = sessionStorage.getItem(KEY_NAME);
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, {method, headers, signal, keepalive, body: body === undefined ? undefined : JSON.stringify(body)});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer.");
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function whole(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server's answer broke off.");
  }
}

// Throws as send() does.
async function request(method, path, options = {}) {
  const response = await send(method, path, options);
  return whole((options.accept ?? "application/json") === "application/json" ? response.json() : response.text());
}

const at = (index, rest) => `/indexes/${encodeURIComponent(index)}${rest}`;

// Browsers take "." and ".." out of a path, percent-encoded or not: documents with such an id are listed by a filter.
const isDots = (id) => id === "." || id === "..";
const listedById = (index, id) =>
  at(index.name, `/documents?limit=1&filter=${encodeURIComponent(`\`${index.id_field}\` = ${JSON.stringify(id)}`)}`);
// Where the document's JSON is. index: an object of GET /indexes.
export const documentPath = (index, id) =>
  isDots(id) ? listedById(index, id) : at(index.name, `/documents/${encodeURIComponent(id)}`);

export const listIndexes = (signal) => request("GET", "/indexes", {signal});
export const search = (index, query, signal) => request("POST", at(index, "/search"), {body: query, signal});
// What a search says of one document; null where it does not find it.
export async function searchWithin(index, id, query, signal) {
  const ids = [JSON.stringify(id), ...(/^-?\d{1,15}$/.test(id) ? [id] : [])];
  const answer = await search(index.name, {...query, filter: `\`${index.id_field}\` IN [${ids}]`, limit: 1, attributes: [index.id_field]}, signal);
  return answer.hits[0] ?? null;
}
export const similar = (index, query, signal) => request("POST", at(index, "/similar"), {body: query, signal});
export async function getDocument(index, id, signal) {
  const answer = await request("GET", documentPath(index, id), {signal});
  if (!isDots(id)) return answer;
  if (answer.results.length === 0) throw new ApiError("there is no such document", {status: 404});
  return answer.results[0];
}
// A document's JSON as the server sends it.
export const documentText = (index, id, signal) => request("GET", documentPath(index, id), {signal, accept: "*/*"});
export const listDocuments = (index, offset, limit, {filter = "", signal} = {}) =>
  request("GET", at(index, `/documents?offset=${offset}&limit=${limit}${filter && `&filter=${encodeURIComponent(filter)}`}`), {signal});

// What each model is, in the order in which they are served.
export async function models(signal) {
  const first = await request("GET", "/info", {signal});
  const {data} = await request("GET", "/v1/models", {signal});
  const others = data.filter(({id}) => id !== first.model_id);
  return [first, ...await Promise.all(others.map(({id}) => request("GET", `/info?model=${encodeURIComponent(id)}`, {signal})))];
}
// What a model says, and what else there is.
export const ask = (path, body, signal) => request("POST", path, {body, signal});
export const get = (path, signal) => request("GET", path, {signal});
// Asked for even while the page is left.
export const askLeaving = (path) => request("POST", path, {body: {}, keepalive: true});

const parse = (text) => whole(Promise.resolve(text).then(JSON.parse));

// The texts of an answer's server-sent events as they come.
async function* eventTexts(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const {done, value} = await whole(reader.read());
    if (done) return;
    const texts = (waiting + value).split("\n\n");
    waiting = texts.pop();
    yield* texts;
  }
}

// An answer's server-sent events as they come, each of them JSON. Throws as ask() does, also for an event that is an error.
export async function* stream(path, body, signal) {
  for await (const text of eventTexts(await send("POST", path, {body, signal, accept: "text/event-stream"}))) {
    const parsed = await parse(text.replace(/^data: ?/, ""));
    if (parsed.error) throw new ApiError(String(parsed.error.message ?? parsed.error));
    yield parsed;
  }
}
// The events of something that goes on by itself: [name, JSON]. Throws as ask() does.
export async function* events(path, signal) {
  for await (const text of eventTexts(await send("GET", path, {signal, accept: "text/event-stream"}))) {
    const [, name, data] = text.match(/^event: ?(\w+)\ndata: ?(.*)$/) ?? [];
    if (name) yield [name, await parse(data)];
  }
}
// Resolves when the server is ready, throws ApiError with its reason while it is not.
export const ready = (signal) => request("GET", "/readyz", {signal, accept: "text/plain"});
