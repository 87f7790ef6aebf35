// SPDX-License-Identifier: Apache-2.0
// The page: its state is the address, and each change of it is a step: go() -> render() -> one of three views.
import * as api from "./api.js";
import {DocumentView} from "./document.js";
import {byId, make, replace} from "./dom.js";
import {Fields} from "./fields.js";
import {installKeys} from "./keys.js";
import {Results} from "./results.js";
import {ServerView} from "./server.js";
import {addressOf, emptyState, readState, sameSearch} from "./state.js";

const DEBOUNCE_MS = 180;
const NEW_STEP_MS = 2000;  // typing after such a pause is a new step of the history
const RETRY_MS = 1000;

class App {
  state = emptyState();
  indexes = null;            // null: the server has no store
  #fields = new Map();       // index name -> Fields
  #typingTimer = 0;
  #lastTyped = 0;
  #provisional = false;      // the current step of the history was made by typing, which may go on
  #listScroll = 0;
  #view = "";
  #keyAsked = null;          // while the question for the key is open: resolves with its answer
  #opened = "";              // "index/id" in the document view

  constructor() {
    this.results = new Results(this);
    this.document = new DocumentView(byId("document-view"), {
      back: () => this.back(),
      open: (id) => this.go({doc: id}, {push: true}),
      within: (prefix) => this.go({doc: "", within: prefix}, {push: true}),
      addressOf: (id) => this.addressOf({...this.state, doc: id, at: ""}),
    });
    this.server = new ServerView(byId("server-view"), () => this.askForKey());
  }

  get index() { return this.indexes?.find((one) => one.name === this.state.index) ?? null; }

  get fields() {
    if (!this.#fields.has(this.state.index)) this.#fields.set(this.state.index, new Fields());
    return this.#fields.get(this.state.index);
  }

  async start() {
    history.scrollRestoration = "manual";
    this.#listen();
    installKeys(this);
    await this.#loadIndexes();
    byId("boot").remove();
    this.state = this.#valid(readState());
    if (this.state.q === "" && !this.state.doc && matchMedia("(hover: hover)").matches) byId("q").focus();
    this.render();
  }

  // Waits for a server that starts or was restarted; only a missing key is a question to the user.
  async #loadIndexes() {
    for (;;) {
      try {
        this.indexes = (await api.listIndexes()).results;
        return;
      } catch (error) {
        if (error.status === 404) return;
        if (error.isLocked) {
          await this.askForKey();
          continue;
        }
        byId("boot").textContent = `${error.message} Trying again…`;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  // Resolves when a key was given. The server has refused the one that there is, if any.
  askForKey() {
    const dialog = byId("key-dialog");
    byId("key-error").hidden = !api.hasKey();
    if (!dialog.open) dialog.showModal();
    return this.#keyAsked ??= new Promise((resolve) => {
      dialog.addEventListener("close", () => {
        api.setKey(byId("key").value.trim());
        byId("key").value = "";
        this.#keyAsked = null;
        resolve();
      }, {once: true});
    });
  }

  // A state that names an index, as far as there is any. One that is named stays, though it does not exist: that is said.
  #valid(state) {
    if (this.indexes === null || this.indexes.length === 0) return {...state, view: "server", doc: ""};
    const first = this.indexes.find((one) => one.name === "default") ?? this.indexes[0];
    const index = state.index || first.name;
    return {...state, index, mode: state.mode || this.#modeOf(index)};
  }

  // How an index is searched unless the address says otherwise: as the server says of Kuberian's, else in both ways.
  #modeOf(name) { return this.indexes?.find((one) => one.name === name)?.search_mode ?? "hybrid"; }

  // part: what changes. push: a new step of the history, else the current one is rewritten.
  go(part, {push = false, typing = false} = {}) {
    // What was typed a moment ago comes along: its own step must not undo this one.
    if (!typing && this.#typingTimer !== 0) part = {q: byId("q").value.trim(), ...part};
    this.#stopTyping();
    if ("doc" in part) part = {at: "", ...part};  // a passage is one document's
    const next = this.#valid({...this.state, ...part});
    const address = this.addressOf(next);
    if (address === this.addressOf(this.state)) {
      if (!typing) this.results.settle();
      return;
    }
    this.state = next;
    this.#provisional = false;
    if (push) history.pushState({steps: (history.state?.steps ?? 0) + 1}, "", address);
    else history.replaceState(history.state, "", address);
    this.render({typing});
  }

  #stopTyping() {
    clearTimeout(this.#typingTimer);
    this.#typingTimer = 0;
  }

  // The index that is there without being named is not named in the address, nor is its own mode.
  addressOf(state) {
    const only = this.indexes?.length === 1 && this.indexes[0].name === state.index;
    const mode = state.mode === this.#modeOf(state.index) ? "" : state.mode;
    return addressOf({...state, mode, index: only ? "" : state.index});
  }

  // The start of this index, or of whichever there is.
  #home() { return {...emptyState(), index: this.index ? this.state.index : ""}; }

  back() {
    if (history.state?.steps > 0) history.back();
    else this.go({doc: "", view: ""}, {push: true});
  }

  render({typing = false} = {}) {
    const view = this.state.view === "server" ? "server" : this.state.doc && this.index ? "document" : "search";
    if (this.#view === "search" && view !== "search") this.#listScroll = scrollY;
    for (const name of ["search", "document", "server"]) byId(`${name}-view`).hidden = name !== view;
    byId("options").hidden = this.index === null || view !== "search";
    this.#showControls();
    const before = this.#view;
    this.#view = view;
    if (view !== "document") {
      this.document.close();
    }
    if (view !== "server") this.server.close();
    if (view === "search") this.#showSearch(before, typing);
    else if (view === "document") this.#showDocument();
    else this.#showServer();
  }

  #showControls() {
    const box = byId("q");
    if (document.activeElement !== box || box.value.trim() !== this.state.q) box.value = this.state.q;
    for (const radio of document.querySelectorAll("#modes input")) radio.checked = radio.value === this.state.mode;
    byId("search-form").hidden = this.indexes === null || this.indexes.length === 0;
    if (this.indexes === null) return;
    replace(byId("index"), this.indexes.map((one) => make("option", {value: one.name}, one.name)));
    byId("index").value = this.state.index;
    byId("index-choice").hidden = this.indexes.length < 2;
    byId("search-view").classList.toggle("no-index", this.index === null);
    byId("home").href = this.addressOf(this.#home());
  }

  #showSearch(before, typing) {
    document.title = this.state.q ? `${this.state.q} – minnow` : "minnow";
    if (!this.index) {
      this.results.showNoIndex(this.state, this.indexes);
      return;
    }
    const kept = this.results.shown && sameSearch(this.results.shown, this.state);
    if (!kept) this.results.show(this.state, {typing});
    if (before === "search" || before === "") return;
    scrollTo(0, kept ? this.#listScroll : 0);
    const id = this.#opened;
    this.#opened = "";
    if (kept && id) this.results.focusHit(id);
  }

  async #showDocument() {
    const id = this.state.doc;
    const opened = this.state;
    scrollTo(0, 0);
    this.#opened = id;
    const listed = this.results.shown && sameSearch(this.results.shown, opened) ? this.results.find(id) : null;
    const title = await this.document.show(this.index, opened, listed);
    if (this.state !== opened) return;
    document.title = `${title ?? "Not found"} – minnow`;
    const heading = byId("document-view").querySelector("h2");
    heading?.focus({preventScroll: true});
  }

  #showServer() {
    document.title = "This server – minnow";
    scrollTo(0, 0);
    this.server.show(this.indexes);
  }

  #listen() {
    const box = byId("q");
    const typed = () => {
      this.#typingTimer = 0;
      const q = box.value.trim();
      const push = !this.#provisional || Date.now() - this.#lastTyped > NEW_STEP_MS;
      if (q === this.state.q && !this.state.doc && !this.state.view) return;
      this.#lastTyped = Date.now();
      this.go({q, doc: "", view: ""}, {push, typing: !/\s$/.test(box.value)});
      this.#provisional = true;
    };
    box.addEventListener("input", (event) => {
      this.#stopTyping();
      if (event.isComposing) return;
      this.#typingTimer = setTimeout(typed, box.value === "" ? 0 : DEBOUNCE_MS);
    });
    box.addEventListener("compositionend", () => box.dispatchEvent(new Event("input")));
    byId("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.go({q: box.value.trim(), doc: "", view: ""}, {push: !this.#provisional});
      this.#provisional = false;
    });
    for (const radio of document.querySelectorAll("#modes input")) {
      radio.addEventListener("change", () => this.go({mode: radio.value}, {push: true}));
    }
    byId("index").addEventListener("change", (event) =>
      this.go({index: event.target.value, mode: this.state.mode === this.#modeOf(this.state.index) ? "" : this.state.mode, facets: {}, filter: "", within: "", doc: ""}, {push: true}));
    byId("home").addEventListener("click", (event) => this.#follow(event, {...this.#home(), mode: this.state.mode}));
    byId("server-link").addEventListener("click", (event) => this.#follow(event, {...emptyState(), index: this.state.index, view: "server"}));
    addEventListener("popstate", () => {
      this.#stopTyping();
      this.#provisional = false;
      this.state = this.#valid(readState());
      box.value = this.state.q;
      this.render();
    });
  }

  #follow(event, state) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.go(state, {push: true});
  }
}

new App().start();
