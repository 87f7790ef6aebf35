// SPDX-License-Identifier: Apache-2.0
// The panel of models that make text of text: a prompt, how the text is to be made, and the text as it comes.
import {stream} from "./api.js";
import {count, make, plural, replace} from "./dom.js";
import {area, modelChoice} from "./trial.js";

const SHOW_MS = 100;  // between two looks at how fast it goes
const ENDS = {eos_token: "ended by itself", stop_sequence: "ended by itself"};

// name: of the server's parameter. suits(values): does it count, beside the others?
const SETTINGS = [
  {name: "max_new_tokens", label: "Most new tokens", min: 1, max: 512, step: 1, preset: 100, hint: "the text is cut there"},
  {name: "temperature", label: "Temperature", min: 0, max: 2, step: 0.1, preset: 0, hint: "at 0 each token is the likeliest"},
  {name: "top_p", label: "Top p", min: 0.05, max: 1, step: 0.05, preset: 1, hint: "chance among the likeliest", suits: (values) => values.temperature > 0},
  {name: "num_beams", label: "Beams", min: 1, max: 8, step: 1, preset: 1, hint: "above 1 the text comes at its end"},
];

let draft = null;  // {prompt, settings, model}: what was written is there when the view comes back

const seconds = (ms) => (ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`);

export class Writer {
  #task;
  #model;
  #askForKey;
  #prompt;
  #inputs = new Map();  // name of a setting -> {input, shown}
  #chips = make("div", {class: "tries"});
  #write = make("button", {type: "submit", class: "button primary"}, "Write");
  #stop = make("button", {type: "button", class: "button", hidden: true, onclick: () => this.#controller?.abort()}, "Stop");
  #text = make("p", {class: "marked written", dir: "auto", hidden: true, tabindex: "0", "aria-label": "The text"});
  #figures = make("p", {class: "note muted"});
  #status = make("p", {class: "sr-only", role: "status"});
  #controller = null;

  // As Trial's.
  constructor(task, models, askForKey) {
    this.#task = task;
    this.#askForKey = askForKey;
    this.#model = models.find((one) => one.model_id === draft?.model) ?? models[0];
    const field = area(task.boxes[0], 0, task);
    this.#prompt = field.lastChild;
    this.#prompt.addEventListener("input", () => this.#keep());
    this.#prompt.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) this.#start();
    });
    const title = `try-${task.id}-title`;
    const form = make("form", {class: "trial", onsubmit: (event) => { event.preventDefault(); this.#start(); }}, field, this.#chips,
      make("div", {class: "settings"}, SETTINGS.map((one) => this.#slider(one))),
      make("div", {class: "write-row"}, this.#write, this.#stop, make("kbd", {class: "muted"}, "Ctrl Enter")));
    this.element = make("section", {class: "panel", id: `try-${task.id}`, "aria-labelledby": title},
      make("div", {class: "panel-head"}, make("h3", {id: title}, task.title), modelChoice(models, this.#model, (model) => this.#use(model))),
      form, this.#text, this.#figures, this.#status);
    this.#showChips();
    this.#prompt.value = draft?.prompt ?? this.#examples()[0][1];
    this.#set(draft?.settings ?? {});
  }

  // Ends what is under way.
  close() { this.#controller?.abort(); }

  #tasks() { return Object.entries(this.#model.model_type.text2text.tasks ?? {}).filter(([, task]) => task.prefix); }

  // A model whose tasks are known is shown those; else what most of its family read.
  #examples() {
    const known = this.#tasks().map(([, {prefix}]) => prefix);
    const own = this.#task.examples.filter(([, text]) => known.some((prefix) => text.startsWith(prefix)));
    return [...own, ...this.#task.examples.filter((one) => !own.includes(one))];
  }

  #slider({name, label, min, max, step, preset, hint}) {
    const shown = make("output", {for: `try-${name}`});
    const input = make("input", {type: "range", id: `try-${name}`, min, max, step, "aria-describedby": `try-${name}-hint`, oninput: () => this.#set({})});
    this.#inputs.set(name, {input, shown});
    return make("div", {class: "setting"}, make("label", {class: "box-label", for: `try-${name}`}, label), shown, input,
      make("span", {class: "muted small", id: `try-${name}-hint`}, `default ${preset}: ${hint}`));
  }

  #values() { return Object.fromEntries(SETTINGS.map(({name}) => [name, Number(this.#inputs.get(name).input.value)])); }

  // values: of settings by name; the others stay, or are the default where they were not set before.
  #set(values) {
    for (const {name, preset} of SETTINGS) {
      const {input} = this.#inputs.get(name);
      if (values[name] !== undefined || !input.dataset.set) input.value = String(values[name] ?? preset);
      input.dataset.set = "true";
    }
    const all = this.#values();
    for (const {name, suits} of SETTINGS) {
      const {input, shown} = this.#inputs.get(name);
      shown.value = String(all[name]);
      input.disabled = suits ? !suits(all) : false;
    }
    this.#keep();
  }

  #keep() { draft = {prompt: this.#prompt.value, settings: this.#values(), model: this.#model.model_id}; }

  #use(model) {
    this.close();
    this.#model = model;
    this.#showChips();
    this.#keep();
  }

  #showChips() {
    const row = (name, chips) => chips.length > 0 && make("p", {class: "chips"}, make("span", {class: "muted small"}, name), chips);
    const chip = (name, onclick) => make("button", {type: "button", class: "chip", onclick}, name);
    replace(this.#chips, row("Try", this.#examples().map(([name, text]) => chip(name, () => { this.#fill(text); this.#start(); }))),
      row("Task", this.#tasks().map(([name, {prefix}]) => chip(name.replaceAll("_", " "), () => this.#usePrefix(prefix)))));
  }

  #fill(text) {
    this.#prompt.value = text;
    this.#keep();
  }

  // In place of another task's.
  #usePrefix(prefix) {
    const text = this.#prompt.value;
    const old = this.#tasks().map(([, task]) => task.prefix).find((one) => text.startsWith(one)) ?? "";
    this.#fill(prefix + text.slice(old.length));
    this.#prompt.focus();
  }

  // The request, in the names of text-generation-inference.
  #body() {
    const {max_new_tokens, temperature, top_p, num_beams} = this.#values();
    const chance = temperature > 0 ? {do_sample: true, temperature, ...(top_p < 1 ? {top_p} : {})} : {};
    const beams = num_beams > 1 ? {num_beams} : {};
    return {model: this.#model.model_id, inputs: this.#prompt.value, parameters: {max_new_tokens, ...chance, ...beams}};
  }

  // What was asked before is not waited for any more.
  async #start() {
    this.close();
    const {signal} = this.#controller = new AbortController();
    this.#text.replaceChildren();
    this.#text.hidden = true;
    if (this.#prompt.value.trim() === "") {
      this.#say(`${this.#task.boxes[0].label}: nothing there yet.`);
      return;
    }
    this.#busy(true);
    const run = new Run();
    try {
      await this.#read(run, signal);
      this.#say(run.told(), `${this.#text.textContent}. `);
    } catch (error) {
      if (this.#controller.signal !== signal) return;  // another one is under way
      if (error.name === "AbortError") this.#say(["stopped", run.told()].filter(Boolean).join(" · "), "Stopped. ");
      else this.#fail(error);
    }
    if (this.#controller.signal === signal) this.#busy(false);
  }

  async #read(run, signal) {
    this.#say("Reading the prompt…");
    let shown = 0;
    for await (const event of stream("/generate_stream", this.#body(), signal)) {
      if (!event.token) throw new Error("The server’s answer broke off.");
      run.add(event);
      if (!event.token.special) this.#append(event.token.text);
      if (performance.now() - shown < SHOW_MS) continue;
      shown = performance.now();
      replace(this.#figures, run.told());
    }
    if (!run.details) throw new Error("The server’s answer broke off.");
    if (this.#text.hidden) this.#append("");
  }

  // Who has scrolled up stays there.
  #append(text) {
    const follows = this.#text.scrollHeight - this.#text.scrollTop - this.#text.clientHeight < 30;
    this.#text.hidden = false;
    if (!this.#text.firstChild) this.#text.append("");
    this.#text.firstChild.appendData(text);
    if (follows) this.#text.scrollTop = this.#text.scrollHeight;
  }

  async #fail(error) {
    const message = String(error.message ?? error);
    replace(this.#figures, make("span", {class: "error-text"}, message));
    replace(this.#status, message);
    if (!error.isLocked) return;
    await this.#askForKey();
    this.#start();
  }

  #busy(on) {
    this.#stop.hidden = !on;
    this.#text.classList.toggle("growing", on);
  }

  // before: for who does not see the text.
  #say(figures, before = "") {
    replace(this.#figures, figures);
    replace(this.#status, before, figures);
  }
}

// How fast the tokens of one text come.
class Run {
  #begin = performance.now();
  #first = 0;
  #last = 0;
  #tokens = 0;
  details = null;  // of the last event

  add({details}) {
    this.#last = performance.now();
    if (this.#tokens === 0) this.#first = this.#last;
    this.#tokens += 1;
    this.details = details;
  }

  told() {
    if (this.#tokens === 0) return "";
    const later = this.#last - this.#first;
    const {input_length: read, finish_reason: end, seed} = this.details ?? {};
    return [read && `${plural(read, "token")} read`, `first token after ${seconds(this.#first - this.#begin)}`, plural(this.#tokens, "new token"),
      this.#tokens > 1 && later > 0 && `${count(Math.round((this.#tokens - 1) / later * 1000))} tokens/s`,
      end && (ENDS[end] ?? `cut at ${plural(this.#tokens, "token")}`), typeof seed === "number" && `seed ${seed}`].filter(Boolean).join(" · ");
  }
}
