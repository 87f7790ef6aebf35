// SPDX-License-Identifier: Apache-2.0
// Asking: one search at a time. A newer one aborts the older, whose answer is never shown even where it still arrives;
// a server that is busy or still loads its model is asked again.
import * as api from "./api.js";
import {filterOf, MODES} from "./state.js";

export const PAGE = 20;     // hits of one request
const BUSY_MS = 1000;       // between tries, unless the server says otherwise
const MAX_BUSY_MS = 5000;
const LOADING_MS = 700;
const MAX_TRIES = 20;       // while it is busy

const pause = (ms, signal) => new Promise((resolve, reject) => {
  const stop = () => {
    clearTimeout(timer);
    reject(new DOMException("aborted", "AbortError"));
  };
  const timer = setTimeout(() => {
    signal.removeEventListener("abort", stop);
    resolve();
  }, ms);
  signal.addEventListener("abort", stop, {once: true});
});

export class Searcher {
  #controller = null;

  abort() { this.#controller?.abort(); }

  // Resolves to {answer, counts, took} or, when a newer search has begun, to null. Throws ApiError.
  // waiting(message): called while the server is not ready. typing: the last word may be unfinished.
  async run(state, fields, {offset = 0, typing = false, waiting = () => {}} = {}) {
    this.#controller?.abort();
    const controller = this.#controller = new AbortController();
    const {signal} = controller;
    const begin = performance.now();
    try {
      const query = this.#query(state, fields, offset, typing);
      const answer = await this.#persist(() => api.search(state.index, query, signal), signal, waiting);
      const took = performance.now() - begin;
      const counts = offset > 0 ? null : await this.#counts(state, fields, query, answer, signal);
      return signal.aborted ? null : {answer, counts, took};
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return null;
      throw error;
    }
  }

  #query(state, fields, offset, typing) {
    const query = {q: state.q.trim(), limit: PAGE, offset, semantic_ratio: MODES[state.mode], attributes: fields.attributes, highlight: true};
    const filter = filterOf(state, fields);
    if (filter) query.filter = filter;
    if (offset === 0) query.facets = fields.facets;
    if (typing) query.prefix = true;
    return query;
  }

  // Repeats `ask` while the server is busy (429) or loads its model (503).
  async #persist(ask, signal, waiting) {
    for (let tries = 0; ; tries += 1) {
      try {
        return await ask();
      } catch (error) {
        if (error.isBusy && tries < MAX_TRIES) {
          waiting("The server is busy; trying again…");
          await pause(Math.min(MAX_BUSY_MS, error.retryAfter * 1000 || BUSY_MS), signal);
        } else if (error.isLoading) {
          waiting(`Not ready yet: ${error.message}. Trying again…`);
          await pause(LOADING_MS, signal);
        } else {
          throw error;
        }
      }
    }
  }

  // Counts of each field's values. A field that has chosen values is counted as if none were, so that more can be added.
  async #counts(state, fields, query, answer, signal) {
    const counts = new Map();
    for (const field of fields.facets) counts.set(field, pairs(answer.facets?.[field]));
    const chosen = Object.keys(state.facets).filter((field) => state.facets[field].length > 0);
    await Promise.all(chosen.map(async (field) => {
      const filter = filterOf(state, fields, field);
      const {filter: ignored, ...others} = query;
      const wider = await api.search(state.index,
        {...others, ...(filter && {filter}), limit: 1, offset: 0, facets: [field], highlight: false, attributes: ["id"]}, signal);
      counts.set(field, pairs(wider.facets?.[field]));
    }));
    return counts;
  }
}

// {"go": 3, "c": 5} or [["go", 3], …] or [{"value": "go", "count": 3}, …] -> [["c", 5], ["go", 3]]
function pairs(facet) {
  const list = Array.isArray(facet)
    ? facet.map((one) => (Array.isArray(one) ? one : [one.value, one.count])) : Object.entries(facet ?? {});
  return list.map(([value, number]) => [String(value), Number(number)]).sort((a, b) => b[1] - a[1]);
}
