// SPDX-License-Identifier: Apache-2.0
// How a picture is to be made: sliders, a choice of schedulers, a seed; each with a place for what the server says of it.
import {make, replace} from "./dom.js";

const MOST_SEED = Number.MAX_SAFE_INTEGER;
const MANY = 2;  // times the pixels of the model's own size
const SCHEDULERS = {ddim: "DDIM", pndm: "PNDM (PLMS)", euler: "Euler", euler_a: "Euler a", heun: "Heun", lms: "LMS", dpmpp_2m: "DPM++ 2M",
  dpmpp_2m_karras: "DPM++ 2M Karras", unipc: "UniPC", lcm: "LCM", ddpm: "DDPM"};
// Fields of the server's answers -> settings.
const WIRE = {strength: "strength", width: "width", height: "height", seed: "seed", "sample_params.sample_steps": "steps",
  "sample_params.guidance.txt_cfg": "guidance", "sample_params.sample_method": "scheduler", "sample_params.scheduler": "scheduler"};

const roundDown = (value, multiple) => Math.max(multiple, Math.floor(value / multiple) * multiple);

// The size that a picture has unless another is asked for: the image's own, made smaller where that has many more pixels
// than the model was trained with: such take long, and show things twice.
export function sizeFor(image, {defaults, limits}) {
  if (!image) return {width: defaults.width, height: defaults.height};
  const scale = Math.min(1, Math.sqrt(MANY * defaults.width * defaults.height / (image.width * image.height)));
  return {width: roundDown(image.width * scale, limits.size_multiple), height: roundDown(image.height * scale, limits.size_multiple)};
}

// facts: of /sdcpp/v1/capabilities.
const sliders = ({defaults, limits}) => {
  const most = 2 * Math.max(defaults.width, defaults.height);
  const step = Math.max(limits.size_multiple, most / 32);
  const side = {min: step, max: most, step};
  const {sample_params: sampling, strength} = defaults;
  return [
    {name: "strength", label: "Strength", min: 0.05, max: 1, step: 0.05, preset: strength, hint: "at 1 little of the image is left", of_image: true},
    {name: "steps", label: "Steps", min: 1, max: 100, step: 1, preset: sampling.sample_steps, hint: "more take longer"},
    {name: "guidance", label: "Guidance", min: 1, max: 20, step: 0.5, preset: sampling.guidance.txt_cfg, hint: "how closely the prompt is followed"},
    {name: "width", label: "Width", ...side, hint: "pixels"},
    {name: "height", label: "Height", ...side, hint: "pixels"},
  ];
};

export class PictureSettings {
  #facts;
  #changed;
  #sliders;
  #inputs = new Map();  // name -> {input, shown, hint, error}
  #image = null;        // {width, height} of the image that is changed
  #sized = false;       // the user has set the size
  #scheduler;
  #seed;

  constructor(facts, changed) {
    this.#facts = facts;
    this.#changed = changed;
    this.#sliders = sliders(facts);
    const [strength, steps, guidance, ...sides] = this.#sliders.map((one) => this.#slider(one));
    this.element = make("div", {class: "settings"}, strength, steps, guidance, this.#schedulers(), sides, this.#seedBox());
    this.set({});
  }

  // {strength, steps, guidance, width, height, scheduler, seed}; the seed is null where one is to be drawn.
  get values() {
    const numbers = this.#sliders.map(({name}) => [name, Number(this.#inputs.get(name).input.value)]);
    return {...Object.fromEntries(numbers), scheduler: this.#scheduler.value, seed: this.#seed.value === "" ? null : Number(this.#seed.value)};
  }

  get sized() { return this.#sized; }

  // values: as above; what is not named gets its default.
  set(values) {
    for (const {name, preset} of this.#sliders) {
      if (preset !== undefined) this.#inputs.get(name).input.value = String(values[name] ?? preset);
    }
    this.#scheduler.value = values.scheduler ?? "default";
    if (this.#scheduler.selectedIndex < 0) this.#scheduler.value = "default";
    this.#seed.value = values.seed ?? "";
    this.#sized = Boolean(values.width && values.height);
    if (this.#sized) this.#setSize(values);
    this.#update();
  }

  // image: {width, height}, or null. It has the size of its picture unless that was set.
  setImage(image) {
    this.#image = image;
    this.#update();
  }

  setSeed(seed) {
    this.#seed.value = String(seed);
    this.#update();
  }

  // Shows a message of the server at the field that it names; false where it names none of these.
  fail(field, message) {
    const found = this.#inputs.get(WIRE[field]);
    if (!found) return false;
    found.error.textContent = message;
    found.error.hidden = false;
    found.input.setAttribute("aria-invalid", "true");
    found.input.focus();
    return true;
  }

  // Takes such messages away.
  clearErrors() {
    for (const {input, error} of this.#inputs.values()) {
      error.hidden = true;
      input.removeAttribute("aria-invalid");
    }
  }

  // What is wrong before anything is asked; "" where nothing is.
  get wrong() {
    return this.#seed.validity.badInput || !this.#seed.validity.valid ? "seed" : "";
  }

  #add(name, label, input, shown, hint) {
    const id = `try-picture-${name}`;
    const told = make("span", {class: "muted small", id: `${id}-hint`}, hint);
    const error = make("span", {class: "error-text", id: `${id}-error`, role: "alert", hidden: true});
    input.id = id;
    input.setAttribute("aria-describedby", `${id}-hint ${id}-error`);
    this.#inputs.set(name, {input, shown, hint: told, error});
    return make("div", {class: "setting"}, make("label", {class: "box-label", for: id}, label), shown, input, told, error);
  }

  #slider({name, label, min, max, step, preset, hint}) {
    const input = make("input", {type: "range", min, max, step, oninput: () => this.#slid(name)});
    return this.#add(name, label, input, make("output", {for: `try-picture-${name}`}), preset === undefined ? hint : `default ${preset}: ${hint}`);
  }

  #schedulers() {
    const names = this.#facts.samplers.flatMap((name) => (name === "dpmpp_2m" ? [name, "dpmpp_2m_karras"] : [name]));
    this.#scheduler = make("select", {onchange: () => this.#update()}, make("option", {value: "default"}, "The model’s own"),
      names.map((name) => make("option", {value: name}, SCHEDULERS[name] ?? name)));
    return this.#add("scheduler", "Scheduler", this.#scheduler, null, "how noise is taken away, step by step");
  }

  #seedBox() {
    this.#seed = make("input", {type: "number", min: 0, max: MOST_SEED, step: 1, inputmode: "numeric", placeholder: "drawn", oninput: () => this.#update()});
    return this.#add("seed", "Seed", this.#seed, null, "the same seed makes the same picture again");
  }

  #slid(name) {
    if (name === "width" || name === "height") this.#sized = true;
    this.#update();
  }

  #update() {
    const own = sizeFor(this.#image, this.#facts);
    if (!this.#sized) this.#setSize(own);
    const all = this.values;
    for (const {name, preset, of_image: ofImage} of this.#sliders) {
      const {input, shown, hint} = this.#inputs.get(name);
      shown.value = String(all[name]);
      if (ofImage) input.disabled = this.#image === null;
      if (preset !== undefined) continue;
      const back = this.#sized && name === "height";
      replace(hint, `default ${own[name]}: ${this.#image ? "by the image" : "the model’s own"} `,
        back && make("button", {type: "button", class: "link small", onclick: () => this.#unsize()}, "Default size"));
    }
    this.#changed();
  }

  #unsize() {
    this.#sized = false;
    this.#update();
    this.#inputs.get("height").input.focus();
  }

  // Sliders stand at sizes of images too, which are between their steps or above them.
  #setSize(size) {
    for (const {name, min, max, step} of this.#sliders.filter((one) => one.preset === undefined)) {
      const {input} = this.#inputs.get(name);
      const value = size[name];
      const fits = (value - min) % step === 0;
      input.step = String(fits ? step : this.#facts.limits.size_multiple);
      input.min = String(Math.min(min, value));
      input.max = String(Math.max(max, value));
      input.value = String(value);
    }
  }
}
