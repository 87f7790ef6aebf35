// SPDX-License-Identifier: Apache-2.0
// The list of results: asks, shows cards, filters, the start state, and what there is to say when there are none.
import * as api from "./api.js";
import {hitCard} from "./card.js";
import {byId, count, make, plural, replace} from "./dom.js";
import {Filters} from "./filters.js";
import {PAGE, Searcher} from "./search.js";
import {sampleDocuments, showStart} from "./start.js";
import {filterCount} from "./state.js";

const SLOW_MS = 150;     // before the list is dimmed
const POLL_MS = 1500;    // while passages are pending

// As in an address; "" where words alone found the document: then its passage is only its first.
const passageOf = ({passage, semantic_score: semantic}) =>
  typeof semantic === "number" && Number.isInteger(passage?.begin) ? `${passage.begin}-${passage.end}` : "";

const isStart = (state) => state.q === "" && filterCount(state) === 0;

export class Results {
  shown = null;            // the state whose hits are on the page; null: none
  #app;
  #searcher = new Searcher();
  #hits = [];
  #total = 0;
  #typing = false;
  #samples = new Map();    // index name -> a promise of documents
  #poll = 0;
  #filters;

  constructor(app) {
    this.#app = app;
    this.#filters = new Filters((part, options) => app.go(part, options));
    byId("more").addEventListener("click", () => this.#more());
    const wide = matchMedia("(min-width: 880px)");
    const status = byId("status");
    const fit = () => {
      byId("filter-panel").open = wide.matches;
      byId("q").placeholder = wide.matches ? "Search by meaning or by words" : "Meaning or words";
      if (wide.matches) byId("options").append(status);
      else byId("hits").before(status);  // the bar at the top is full
    };
    wide.addEventListener("change", fit);
    fit();
  }

  find(id) { return this.#hits.find((hit) => hit.id === id) ?? null; }

  focusHit(id) {
    [...byId("hits").querySelectorAll("[data-hit]")].find((link) => link.dataset.hit === id)?.focus({preventScroll: true});
  }

  // Typing has ended with what was asked already: its last word is whole now.
  settle() {
    if (this.#typing && this.shown) this.show(this.#app.state, {typing: false});
  }

  async show(state, {typing = false} = {}) {
    this.#typing = typing;
    this.shown = state;
    this.#filters.showChosen(state);
    this.#watchPending();
    const slow = setTimeout(() => { if (this.shown === state) this.#busy(true); }, SLOW_MS);
    try {
      await this.#learn(state);
      if (this.shown !== state) return;
      const waiting = (message) => { byId("status").textContent = message; };
      const found = await this.#searcher.run(state, this.#app.fields, {typing, waiting});
      if (found === null || this.shown !== state) return;
      this.#filters.setError("");
      this.#apply(state, found);
    } catch (error) {
      if (this.shown === state) this.#fail(state, error);
    } finally {
      clearTimeout(slow);
      if (this.shown === state) this.#busy(false);
    }
  }

  // The first look at an index: some of its documents tell their fields.
  async #learn(state) {
    const {index, fields} = this.#app;
    if (!this.#samples.has(index.name)) {
      this.#samples.set(index.name, sampleDocuments(index).then((documents) => {
        fields.observe(documents);
        return documents;
      }));
    }
    try {
      await this.#samples.get(state.index);
    } catch (error) {
      this.#samples.delete(state.index);
      if (error.isLocked) throw error;
    }
  }

  // The address names an index that is not there: another must not answer in its place.
  showNoIndex(state, indexes) {
    this.#searcher.abort();
    this.shown = null;
    this.#filters.showChosen(state);
    this.#filters.setError("");
    this.#watchPending();
    this.#busy(false);
    const part = (one) => ({index: one.name, facets: {}, filter: "", within: "", doc: ""});
    const ways = indexes.slice(0, 12).map((one) => make("button", {type: "button", class: "button", onclick: () => this.#app.go(part(one), {push: true})}, `Search “${one.name}”`));
    this.#clear(make("div", {class: "notice error", role: "alert"},
      make("h2", null, `There is no index “${state.index}”`),
      make("p", null, "It may have been deleted, or the address has a slip. This server has:"), make("p", {class: "buttons"}, ways)));
    byId("status").textContent = "";
    replace(byId("facets"));
  }

  // Nothing but a notice is left on the page.
  #clear(notice) {
    replace(byId("notice"), notice);
    byId("start").hidden = true;
    byId("more").hidden = true;
    this.#hits = [];
    replace(byId("hits"));
  }

  #busy(busy) {
    byId("progress").hidden = !busy;
    byId("hits").classList.toggle("stale", busy);
    byId("results").setAttribute("aria-busy", String(busy));
    if (busy && this.#hits.length === 0 && !isStart(this.#app.state)) {
      replace(byId("start"));
      byId("start").hidden = true;
      replace(byId("notice"), make("div", {class: "skeletons", "aria-hidden": "true"}, [1, 2, 3, 4].map(() => make("div", {class: "skeleton"}))));
    }
  }

  async #apply(state, {answer, counts, took}) {
    this.#filters.show(state, counts);
    const start = isStart(state);
    replace(byId("notice"));
    byId("start").hidden = !start;
    if (start) {
      this.#hits = [];
      replace(byId("hits"));
      byId("more").hidden = true;
      byId("status").textContent = "";
      const documents = await this.#samples.get(state.index)?.catch(() => []);
      if (this.shown === state) showStart(byId("start"), this.#app.index, documents ?? [], (q) => this.#app.go({q}, {push: true}));
      return;
    }
    this.#hits = answer.hits;
    this.#total = Math.max(answer.estimated_total ?? 0, answer.hits.length);
    this.#app.fields.observe(answer.hits.map((hit) => hit.document ?? {}));
    replace(byId("hits"), answer.hits.map((hit) => this.#card(hit)));
    if (scrollY > 0 && this.#typing) scrollTo(0, 0);
    this.#showMore();
    this.#status(answer, took);
    if (answer.hits.length === 0) replace(byId("notice"), this.#nothing(state));
  }

  #card(hit) {
    const app = this.#app;
    const shown = {doc: hit.id, at: passageOf(hit)};
    return hitCard(hit, {href: app.addressOf({...app.state, ...shown}), open: () => app.go(shown, {push: true}),
      within: (prefix) => app.go({within: prefix}, {push: true})});
  }

  #status(answer, took) {
    const {embed_ms: embed, search_ms: search} = answer.timings ?? {};
    const server = (embed ?? 0) + (search ?? 0);
    const about = this.#total > this.#hits.length ? "about " : "";
    const time = server > 0 ? server : took;
    byId("status").textContent = this.#hits.length === 0 ? "No results" : `${about}${plural(this.#total, "result")} · ${time.toFixed(time < 10 ? 1 : 0)} ms`;
    const parts = [embed !== undefined && embed !== null && `embedding ${embed.toFixed(1)} ms`, typeof search === "number" && `search ${search.toFixed(1)} ms`, `with the way there and back ${took.toFixed(0)} ms`];
    byId("status").title = parts.filter(Boolean).join(", ");
  }

  #showMore() {
    const left = this.#total - this.#hits.length;
    byId("more").hidden = left <= 0 || this.#hits.length < PAGE;
    byId("more").textContent = `Show more results (${count(this.#hits.length)} of about ${count(this.#total)})`;
  }

  async #more() {
    const state = this.shown;
    const button = byId("more");
    button.disabled = true;
    try {
      const found = await this.#searcher.run(state, this.#app.fields, {offset: this.#hits.length, typing: this.#typing});
      if (found === null || this.shown !== state) return;
      const known = new Set(this.#hits.map((hit) => hit.id));
      const fresh = found.answer.hits.filter((hit) => !known.has(hit.id));
      this.#hits.push(...fresh);
      if (fresh.length === 0) this.#total = this.#hits.length;
      const cards = fresh.map((hit) => this.#card(hit));
      byId("hits").append(...cards);
      cards[0]?.querySelector("a.hit-title").focus({preventScroll: true});
      this.#showMore();
      byId("status").textContent = `${plural(this.#hits.length, "result")} shown`;
    } catch (error) {
      byId("status").textContent = error.message;
    } finally {
      button.disabled = false;
    }
  }

  #nothing(state) {
    const ways = [];
    const go = (part) => () => this.#app.go(part, {push: true});
    if (filterCount(state) > 0) ways.push(this.#withoutFilters());
    if (state.mode === "lexical") ways.push(make("button", {type: "button", class: "button", onclick: go({mode: "hybrid"})}, "Search by meaning too"));
    return make("div", {class: "notice empty"},
      make("h2", null, state.q ? "No document matches" : "No document passes the filters"),
      make("p", null, state.q ? `Nothing was found for “${state.q.slice(0, 200)}”.` : "Remove one of them to see more."), ways.length > 0 ? make("p", {class: "buttons"}, ways) : null);
  }

  #fail(state, error) {
    // Without an expression the message is about something else in the address, and stands below with it.
    if (error.isFilter && state.filter.trim() !== "") {
      this.#filters.setError(error.message);
      byId("status").textContent = "The filter is not understood";
      if (this.#hits.length === 0) replace(byId("notice"), make("div", {class: "notice"}, make("p", null, "The filter expression has an error, so nothing was searched.")));
      return;
    }
    this.#filters.setError("");
    byId("status").textContent = "";
    if (error.isLocked) {
      this.#app.askForKey().then(() => this.show(state));
      return;
    }
    const gone = error.status === 0;
    const again = error.isFilter
      ? this.#withoutFilters()
      : make("button", {type: "button", class: "button", onclick: () => this.show(this.#app.state)}, "Try again");
    this.#clear(make("div", {class: "notice error", role: "alert"},
      make("h2", null, gone ? "The server does not answer" : "The search failed"),
      make("p", null, gone ? "It may have been stopped, or the connection is gone." : error.message), again));
  }

  #withoutFilters() {
    return make("button", {type: "button", class: "button", onclick: () => this.#app.go({facets: {}, filter: "", within: ""}, {push: true})}, "Remove all filters");
  }

  // Says how much is still to be indexed, and looks again until nothing is.
  #watchPending() {
    clearTimeout(this.#poll);
    const index = this.#app.index;
    const pending = index?.pending_chunks ?? 0;
    const had = !byId("pending").hidden;
    byId("pending").hidden = pending === 0;
    if (pending === 0) {
      if (had && this.shown) this.show(this.shown);
      return;
    }
    const done = Math.max(0, index.chunks - pending);
    byId("pending-text").textContent = `Still indexing: ${plural(pending, "passage")} to go. Words are found already; meaning follows.`;
    byId("pending-progress").value = index.chunks > 0 ? done / index.chunks : 0;
    this.#poll = setTimeout(() => this.#lookAgain(), POLL_MS);
  }

  async #lookAgain() {
    if (!document.hidden) {
      try {
        this.#app.indexes = (await api.listIndexes()).results;
      } catch {
        // The next search says what is wrong.
      }
    }
    this.#watchPending();
  }
}
