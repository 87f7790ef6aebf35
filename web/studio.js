// SPDX-License-Identifier: Apache-2.0
// The panel of models that make pictures: an image and words, how the picture is to be made, the picture as it comes, and
// those that were made before.
import {get} from "./api.js";
import {make, plural, replace} from "./dom.js";
import {base64Of, blobOf, MOST_BYTES, PictureField, pictureIn} from "./picture_file.js";
import {PictureHistory} from "./picture_history.js";
import {PictureJob} from "./picture_job.js";
import {PictureProgress} from "./picture_progress.js";
import {PictureSettings} from "./picture_settings.js";
import {PictureView} from "./picture_view.js";
import {area, modelChoice} from "./trial.js";

const RETRY_MS = 1000;

let draft = null;    // {prompt, negative, values, image, mask, model}: what there was is there when the view comes back
let album = null;    // the page's PictureHistory

export class Studio {
  #task;
  #model;
  #askForKey;
  #prompt;
  #negative;
  #image;
  #mask;
  #settings = null;  // once the server has told its defaults
  #settingsPlace = make("div", {class: "studio-settings"}, make("p", {class: "muted small"}, "Asking the server…"));
  #errors = new Map();  // field -> its place
  #make = make("button", {type: "submit", class: "button primary", disabled: true}, "Make");
  #cancel = make("button", {type: "button", class: "button", hidden: true, onclick: () => this.#cancelJob()}, "Cancel");
  #error = make("p", {class: "error-text", role: "alert", hidden: true});
  #status = make("p", {class: "note muted", role: "status"});
  #progress = new PictureProgress();
  #view;
  #past = make("section", {class: "past", hidden: true, "aria-label": "Made before"});
  #pastAddresses = [];
  #job = null;
  #closing = new AbortController();

  // As Trial's.
  constructor(task, models, askForKey) {
    this.#task = task;
    this.#askForKey = askForKey;
    this.#model = models.find((one) => one.model_id === draft?.model) ?? models[0];
    this.#image = new PictureField({id: "try-picture-image", label: "Image to change", hint: "none: a picture of the prompt alone", changed: () => this.#imageChanged()});
    this.#mask = new PictureField({id: "try-picture-mask", label: "Mask", hint: "white is painted anew, black stays", changed: () => this.#keep()});
    this.#view = new PictureView({useSeed: (entry) => this.#useSeed(entry), useSettings: (entry) => this.#useSettings(entry), change: (entry) => this.#change(entry)});
    this.element = this.#build(models);
    this.#listen();
    this.#restore();
    this.#begin();
  }

  // Ends what is under way.
  close() {
    this.#keep();
    this.#closing.abort();
    this.#job?.cancel();
    this.#job = null;
    for (const part of [this.#image, this.#mask, this.#progress, this.#view]) part.close();
    this.#forgetPast();
  }

  #build(models) {
    const title = `try-${this.#task.id}-title`;
    const [prompt, negative] = [["prompt", "Prompt", 3], ["negative_prompt", "Negative prompt", 2]].map(([name, label, rows], i) => {
      const field = area({label, rows}, i, this.#task);
      const error = make("span", {class: "error-text", id: `try-picture-${name}-error`, role: "alert", hidden: true});
      field.lastChild.setAttribute("aria-describedby", error.id);
      this.#errors.set(name, [error, field.lastChild]);
      return make("div", {class: "box"}, field, error);
    });
    [this.#prompt, this.#negative] = [prompt, negative].map((one) => one.querySelector("textarea"));
    this.#negative.placeholder = "what there should be less of";
    const chips = this.#task.examples.map(([name, text, less]) => make("button", {type: "button", class: "chip", onclick: () => this.#fill(text, less)}, name));
    const form = make("form", {class: "trial", novalidate: true, onsubmit: (event) => { event.preventDefault(); this.#start(); }},
      make("div", {class: "studio-top"}, make("div", {class: "studio-files"}, this.#image.element, this.#mask.element),
        make("div", {class: "studio-words"}, prompt, negative, make("p", {class: "chips"}, make("span", {class: "muted small"}, "Try"), chips))),
      this.#settingsPlace,
      make("div", {class: "write-row"}, this.#make, this.#cancel, make("kbd", {class: "muted"}, "Ctrl Enter")));
    return make("section", {class: "panel studio", id: `try-${this.#task.id}`, "aria-labelledby": title},
      make("div", {class: "panel-head"}, make("h3", {id: title}, this.#task.title), modelChoice(models, this.#model, (model) => this.#use(model))),
      form, this.#error, this.#status, this.#progress.element, this.#view.element, this.#past);
  }

  #listen() {
    const {signal} = this.#closing;
    for (const box of [this.#prompt, this.#negative]) {
      box.addEventListener("input", () => this.#keep());
      box.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) this.#start();
      });
    }
    this.element.addEventListener("dragover", (event) => event.preventDefault());
    this.element.addEventListener("drop", (event) => {
      const file = pictureIn(event.dataTransfer.files);
      if (file) event.preventDefault();
      this.#image.take(file);
    });
    document.addEventListener("paste", (event) => {
      const file = pictureIn(event.clipboardData?.files);
      if (!file || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      this.#image.take(file);
    }, {signal});
    addEventListener("pagehide", () => this.#job?.cancel(), {signal});
  }

  #restore() {
    const [, prompt, negative] = this.#task.examples[0];
    this.#prompt.value = draft?.prompt ?? prompt;
    this.#negative.value = draft?.negative ?? negative;
    this.#image.take(draft?.image);
    this.#mask.take(draft?.mask);
    this.#imageChanged();
  }

  async #begin() {
    if (album === null) {
      album = new PictureHistory();
      await album.load();
    }
    this.#showPast();
    this.#askForFacts();
  }

  #use(model) {
    this.#keep();
    this.#model = model;
    this.#askForFacts();
  }

  // Until the server tells them, or another model is chosen.
  async #askForFacts() {
    const model = this.#model, {signal} = this.#closing;
    while (!signal.aborted && model === this.#model) {
      try {
        const facts = await get(`/sdcpp/v1/capabilities?model=${encodeURIComponent(model.model_id)}`, signal);
        if (model === this.#model) this.#showSettings(facts);
        return;
      } catch (error) {
        if (error.name === "AbortError") return;
        replace(this.#settingsPlace, make("p", {class: "error-text"}, `${error.message} Trying again…`));
        if (error.isLocked) await this.#askForKey();
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  #showSettings(facts) {
    const values = draft?.values;
    this.#settings = new PictureSettings(facts, () => this.#keep());
    if (values) this.#settings.set(values);
    this.#settings.setImage(this.#image.size);
    replace(this.#settingsPlace, this.#settings.element);
    this.#make.disabled = this.#job !== null;
  }

  #keep() {
    const values = this.#settings?.values;
    if (values && !this.#settings.sized) delete values.width;
    draft = {prompt: this.#prompt.value, negative: this.#negative.value, model: this.#model.model_id, image: this.#image.file, mask: this.#mask.file, values: values ?? draft?.values};
  }

  #imageChanged() {
    this.#mask.disabled = this.#image.file === null;
    this.#settings?.setImage(this.#image.size);
    this.#keep();
  }

  #fill(prompt, negative) {
    this.#prompt.value = prompt;
    this.#negative.value = negative;
    this.#keep();
  }

  // The request, in the names of stable-diffusion.cpp's server.
  async #body(values) {
    const {strength, steps, guidance, width, height, scheduler, seed} = values;
    const files = {};
    if (this.#image.file) Object.assign(files, {init_image: await base64Of(this.#image.file), strength});
    if (this.#image.file && this.#mask.file) files.mask_image = await base64Of(this.#mask.file);
    return {model: this.#model.model_id, prompt: this.#prompt.value, negative_prompt: this.#negative.value, width, height, seed: seed ?? -1,
      sample_params: {sample_steps: steps, sample_method: scheduler, guidance: {txt_cfg: guidance}}, ...files};
  }

  async #start() {
    if (this.#job !== null || this.#settings === null) return;
    this.#clearErrors();
    if (this.#settings.wrong) {
      this.#settings.fail("seed", "A whole number is needed, 0 or above; or nothing.");
      return;
    }
    if ((this.#image.file?.size ?? 0) + (this.#mask.file?.size ?? 0) > MOST_BYTES) {
      this.#mask.fail("The image and the mask together are larger than 50 MB.");
      return;
    }
    const job = this.#job = new PictureJob();
    const values = this.#settings.values, before = this.#image.file;
    const words = {prompt: this.#prompt.value, negative: this.#negative.value, model: this.#model.model_id};
    this.#busy(true);
    try {
      const ended = await job.run(await this.#body(values), (name, data) => { if (this.#job === job) this.#progress.tell(name, data); });
      if (this.#job !== job) return;
      if (ended.status === "completed") this.#done(ended, {values, before, words});
      else this.#say("Cancelled.", {seen: true});
    } catch (error) {
      if (this.#job === job) this.#fail(error);
    }
    if (this.#job === job) this.#busy(false);
  }

  #cancelJob() {
    this.#cancel.textContent = "Cancelling…";
    this.#job?.cancel();
  }

  #busy(on) {
    if (!on) this.#job = null;
    const focused = [this.#make, this.#cancel].includes(document.activeElement);
    this.#make.disabled = on;
    this.#cancel.hidden = !on;
    this.#cancel.textContent = "Cancel";
    if (focused) (on ? this.#cancel : this.#make).focus();
    if (!on) {
      this.#progress.close();
      return;
    }
    this.#view.close();
    this.#progress.begin();
    this.#say("Making the picture.");
  }

  #done({result, progress}, {values, before, words}) {
    const [{seed, parameters, b64_json: base64}] = result.images;
    const entry = {id: Math.max(Date.now(), (album.entries[0]?.id ?? 0) + 1), before, after: blobOf(base64, `image/${result.output_format}`),
      made: {...words, seed, parameters, width: result.width, height: result.height, steps: progress.steps, ms: progress.elapsed_ms, warnings: result.warnings,
        settings: values}};
    this.#view.show(entry);
    this.#say(`The picture is there: seed ${seed}, ${plural(progress.steps, "step")}.`);
    album.add(entry).then(() => this.#showPast());
  }

  // Messages begin with the field that they are about.
  async #fail(error) {
    if (error.isLocked) {
      await this.#askForKey();
      if (!this.#closing.signal.aborted) this.#start();
      return;
    }
    const message = String(error.message ?? error);
    const [, field, rest] = message.match(/^([a-z_.]+): (.*)$/s) ?? [];
    const words = rest && rest[0].toUpperCase() + rest.slice(1);
    this.#say("");
    if (field && this.#failField(field, words)) return;
    this.#error.textContent = message;
    this.#error.hidden = false;
  }

  #failField(field, words) {
    const picture = {init_image: this.#image, mask_image: this.#mask}[field];
    if (picture) {
      picture.fail(words);
      return true;
    }
    const [place, box] = this.#errors.get(field) ?? [];
    if (!place) return this.#settings.fail(field, words);
    place.textContent = words;
    place.hidden = false;
    box.setAttribute("aria-invalid", "true");
    box.focus();
    return true;
  }

  #clearErrors() {
    this.#error.hidden = true;
    this.#image.fail("");
    this.#mask.fail("");
    this.#settings.clearErrors();
    for (const [place, box] of this.#errors.values()) {
      place.hidden = true;
      box.removeAttribute("aria-invalid");
    }
  }

  // What is to be seen anyway is said for who does not see it.
  #say(words, {seen = false} = {}) { replace(this.#status, seen ? words : make("span", {class: "sr-only"}, words)); }

  // --- what was made -----------------------------------------------------------------------------------------------
  #useSeed({made}) {
    this.#settings?.setSeed(made.seed);
    this.#say(`Seed ${made.seed} is set.`, {seen: true});
  }

  #useSettings({made, before}) {
    this.#fill(made.prompt, made.negative);
    this.#settings?.set({...made.settings, seed: made.seed});
    if (before) this.#image.take(before);
    this.#say("The settings are those of the picture.");
    this.#prompt.focus();
  }

  #change({after, made}) {
    this.#image.take(new File([after], `seed ${made.seed}`, {type: after.type}));
    this.#say("The picture is the image to change.");
    this.#prompt.focus();
  }

  #forgetPast() {
    for (const address of this.#pastAddresses) URL.revokeObjectURL(address);
    this.#pastAddresses = [];
  }

  #showPast() {
    if (this.#closing.signal.aborted) return;
    this.#forgetPast();
    this.#past.hidden = album.entries.length === 0;
    const buttons = album.entries.map((entry) => {
      const address = URL.createObjectURL(entry.after);
      this.#pastAddresses.push(address);
      return make("li", null, make("button", {type: "button", title: entry.made.prompt, onclick: () => this.#look(entry)},
        make("img", {src: address, alt: `${entry.made.prompt}, seed ${entry.made.seed}`, loading: "lazy"})));
    });
    replace(this.#past, make("div", {class: "panel-head"}, make("h4", null, "Made before"),
      make("span", {class: "muted small"}, album.isKept ? "kept in this browser only" : "until this page is closed"),
      make("button", {type: "button", class: "quiet", onclick: () => this.#clearPast()}, "Clear")), make("ul", {role: "list"}, buttons));
  }

  #look(entry) {
    if (this.#job !== null) return;
    this.#view.show(entry);
    this.#view.element.focus({preventScroll: true});
    this.#view.element.scrollIntoView({block: "nearest"});
  }

  async #clearPast() {
    await album.clear();
    this.#showPast();
    this.#say("The list is empty.", {seen: true});
    this.#make.focus();
  }
}
