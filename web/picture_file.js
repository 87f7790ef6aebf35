// SPDX-License-Identifier: Apache-2.0
// A place for one picture of the user's: chosen, dropped or pasted; shown small, with its size.
import {icon, make, replace} from "./dom.js";

const TYPES = ["image/png", "image/jpeg", "image/webp"];
export const MOST_BYTES = 50_000_000;  // of a file, and of all that are sent together, which as base64 the server's limit of a request just holds

export const pictureIn = (list) => [...list ?? []].find((file) => file.type.startsWith("image/")) ?? null;

// The width and height of a file that the browser can show; throws an Error that says why not.
async function sizeOf(file, address) {
  if (!TYPES.includes(file.type)) throw new Error("A PNG, JPEG or WebP file is needed.");
  if (file.size > MOST_BYTES) throw new Error("The file is larger than 50 MB.");
  const image = new Image();
  image.src = address;
  try {
    await image.decode();
  } catch {
    throw new Error("The file is not a picture that can be read.");
  }
  return {width: image.naturalWidth, height: image.naturalHeight};
}

export async function base64Of(file) {
  const reader = new FileReader();
  await new Promise((resolve, reject) => {
    reader.onload = resolve;
    reader.onerror = () => reject(new Error("The file can no longer be read: choose it again."));
    reader.readAsDataURL(file);
  });
  return reader.result.slice(reader.result.indexOf(",") + 1);
}

export function blobOf(base64, type) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return new Blob([bytes], {type});
}

export class PictureField {
  file = null;
  size = null;  // {width, height} of it
  #label;
  #hint;
  #changed;
  #address = "";
  #asked = null;  // the last file that was given
  #drop;
  #shown = make("span", {class: "drop-shown"});
  #remove = make("button", {type: "button", class: "quiet", hidden: true, onclick: () => this.#clear()}, icon("close"), "Remove");

  // id: of the input. changed(): another picture, or none.
  constructor({id, label, hint, changed}) {
    this.#label = label;
    this.#hint = hint;
    this.#changed = changed;
    this.input = make("input", {type: "file", id, class: "drop-input", accept: TYPES.join(), onchange: () => this.take(this.input.files[0])});
    this.error = make("p", {class: "error-text", id: `${id}-error`, role: "alert", hidden: true});
    this.#drop = make("label", {class: "drop"}, make("span", {class: "sr-only"}, label), this.input, this.#shown);
    this.element = make("div", {class: "picture-field"}, make("span", {class: "box-label", "aria-hidden": "true"}, label), this.#drop, this.#remove, this.error);
    this.element.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.#drop.classList.add("over");
    });
    this.element.addEventListener("dragleave", () => this.#drop.classList.remove("over"));
    this.element.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.#drop.classList.remove("over");
      const file = event.dataTransfer.files[0];
      if (file && !this.input.disabled) this.take(file);
    });
    this.#show();
  }

  close() { URL.revokeObjectURL(this.#address); }

  set disabled(on) {
    this.input.disabled = on;
    this.#drop.classList.toggle("off", on);
  }

  // The picture stays as it was where the file is none.
  async take(file) {
    if (!file) return;
    this.#asked = file;
    const address = URL.createObjectURL(file);
    try {
      const size = await sizeOf(file, address);
      if (this.#asked === file) this.#set(file, size, address);
      else URL.revokeObjectURL(address);
    } catch (error) {
      URL.revokeObjectURL(address);
      if (this.#asked === file) this.fail(error.message);
    }
  }

  fail(message) {
    this.error.textContent = message;
    this.error.hidden = message === "";
    for (const [name, value] of [["aria-invalid", "true"], ["aria-describedby", this.error.id]]) {
      if (message) this.input.setAttribute(name, value);
      else this.input.removeAttribute(name);
    }
  }

  #clear() {
    this.#asked = null;
    this.#set(null, null, "");
    this.input.focus();
  }

  #set(file, size, address) {
    URL.revokeObjectURL(this.#address);
    [this.file, this.size, this.#address] = [file, size, address];
    this.input.value = "";
    this.fail("");
    this.#show();
    this.#changed();
  }

  #show() {
    this.#remove.hidden = this.file === null;
    this.#remove.setAttribute("aria-label", `Remove: ${this.#label}`);
    if (this.file === null) {
      replace(this.#shown, icon("picture"), make("span", null, "Drop, paste or ", make("u", null, "choose a file")), make("span", {class: "muted small"}, this.#hint));
      return;
    }
    replace(this.#shown, make("img", {src: this.#address, alt: ""}),
      make("span", {class: "muted small"}, `${this.file.name || "picture"}, ${this.size.width} × ${this.size.height}`));
  }
}
