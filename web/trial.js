// SPDX-License-Identifier: Apache-2.0
// One panel of the playground: boxes to write into, and what a model says of them a moment after the last key.
import {count, make, replace} from "./dom.js";

const PAUSE_MS = 250;  // after the last key
const RETRY_MS = 1000;
const LONGEST = 100000;  // characters of a box: browsers are slow with longer ones

const drafts = new Map();  // task -> {values, model}: what was written is there when the view comes back

export const area = ({label, rows}, i, task) => make("label", {class: "box"}, make("span", {class: "box-label"}, label),
  make("textarea", {rows: String(rows ?? 3), dir: "auto", spellcheck: "false", autocapitalize: "off", autocomplete: "off", maxlength: String(LONGEST), id: `try-${task.id}-${i}`}));

// The model's name, or where there are several, a choice of them. use(model): another one was chosen.
export function modelChoice(models, model, use) {
  if (models.length < 2) return make("span", {class: "muted small"}, model.model_id);
  const select = make("select", {onchange: () => use(models[select.selectedIndex])}, models.map((one) => make("option", {selected: one === model}, one.model_id)));
  return make("label", {class: "index-choice"}, make("span", null, "Model"), select);
}

export class Trial {
  #task;
  #askForKey;
  #model;
  #boxes;
  #chips = make("p", {class: "chips"});
  #shown = make("div", {class: "shown"});
  #note = make("p", {class: "note muted", role: "status"});
  #controller = null;
  #timer = 0;

  // task: one of tasks.js. models: answers of /info of those that do it. askForKey(): resolves when a key was given.
  constructor(task, models, askForKey) {
    this.#task = task;
    this.#askForKey = askForKey;
    const draft = drafts.get(task.id);
    this.#model = models.find((one) => one.model_id === draft?.model) ?? models[0];
    const fields = task.boxes.map((box, i) => area(box, i, task));
    this.#boxes = fields.map((field) => field.lastChild);
    for (const box of this.#boxes) this.#listen(box);
    this.element = make("section", {class: "panel", id: `try-${task.id}`, "aria-labelledby": `try-${task.id}-title`},
      make("div", {class: "panel-head"}, make("h3", {id: `try-${task.id}-title`}, task.title), modelChoice(models, this.#model, (model) => this.#use(model))),
      make("div", {class: task.beside ? "trial beside" : "trial"}, fields), this.#chips, this.#shown, this.#note);
    this.#showChips();
    this.#fill(draft?.values ?? this.#examples()[0].values);
  }

  // Ends what is under way.
  close() {
    clearTimeout(this.#timer);
    this.#controller?.abort();
  }

  #examples() { return this.#task.examples.map(([name, ...values]) => ({name, values: values.map((one) => this.#task.fit?.(one, this.#model) ?? one)})); }

  #use(model) {
    for (const box of this.#boxes) box.value = this.#task.carry?.(box.value, this.#model, model) ?? box.value;
    this.#model = model;
    this.#showChips();
    this.#update(0);
  }

  #showChips() {
    replace(this.#chips, make("span", {class: "muted small"}, "Try"),
      this.#examples().map(({name}, i) => make("button", {type: "button", class: "chip", onclick: () => this.#fill(this.#examples()[i].values)}, name)),
      this.#task.insert && make("button", {type: "button", class: "chip", onclick: () => this.#insert(this.#task.insert(this.#model))}, `Insert ${this.#task.insert(this.#model)}`));
  }

  // A composition of Korean, Japanese or Chinese is asked for once it has ended.
  #listen(box) {
    box.addEventListener("input", (event) => { if (!event.isComposing) this.#update(PAUSE_MS); });
    box.addEventListener("compositionend", () => this.#update(PAUSE_MS));
  }

  #fill(values) {
    this.#boxes.forEach((box, i) => { box.value = values[i] ?? ""; });
    this.#update(0);
  }

  #insert(text) {
    const [box] = this.#boxes;
    box.focus();
    box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
    this.#update(0);
  }

  // What was asked before is not waited for any more.
  #update(delay) {
    this.close();
    const values = this.#boxes.map((box) => box.value);
    drafts.set(this.#task.id, {values, model: this.#model.model_id});
    const missing = this.#task.boxes.find((box, i) => values[i].trim() === "");
    if (missing) {
      this.#show([], `${missing.label}: nothing there yet.`);
      return;
    }
    this.#controller = new AbortController();
    this.#timer = setTimeout(() => this.#ask(values, this.#controller.signal), delay);
  }

  async #ask(values, signal) {
    this.#shown.classList.add("stale");
    const begin = performance.now();
    try {
      const {nodes, words, facts, tokens} = await this.#task.ask(this.#model, values, signal);
      const took = `${(performance.now() - begin).toFixed(1)} ms`;
      const full = values.some((one) => one.length >= LONGEST) && `this page takes ${count(LONGEST)} characters`;
      if (signal.aborted) return;
      this.#show(nodes, make("span", {class: "sr-only"}, `${words}. `), [...(facts ?? []), lengthOf(tokens), full, took].filter(Boolean).join(" · "));
    } catch (error) {
      if (error.name !== "AbortError" && !signal.aborted) this.#fail(error);
    }
  }

  async #fail(error) {
    this.#show([], make("span", {class: "error-text"}, `${error.message ?? error}${error.isBusy || error.isLoading ? " Trying again…" : ""}`));
    if (error.isBusy || error.isLoading) this.#update(1000 * error.retryAfter || RETRY_MS);
    if (!error.isLocked) return;
    await this.#askForKey();
    this.#update(0);
  }

  #show(nodes, ...note) {
    this.#shown.classList.remove("stale");
    replace(this.#shown, nodes);
    replace(this.#note, note);
  }
}

// tokens: {tokens, tokens_used} of an answer.
function lengthOf(tokens) {
  if (!tokens) return "";
  if (tokens.tokens_used < tokens.tokens) return `${count(tokens.tokens_used)} of ${count(tokens.tokens)} tokens read: the rest is beyond the model’s limit`;
  return `${count(tokens.tokens)} tokens`;
}
