// SPDX-License-Identifier: Apache-2.0
// A picture that was made: beside what it was made of, under a line that can be moved; to keep; what it took.
import {copyButton, icon, make, plural, replace} from "./dom.js";

export function timeOf(ms) {
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

// "a small fish, water" -> "minnow-a-small-fish-water-7.png"
export function fileName({prompt, seed}, type) {
  const words = prompt.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  const short = words.slice(0, 6).join("-").slice(0, 60);
  return [...["minnow", short].filter(Boolean), seed].join("-") + (type === "image/jpeg" ? ".jpg" : `.${type.split("/")[1]}`);
}

const SMALL = 384;  // pixels

export class PictureView {
  #addresses = [];
  #actions;

  // actions: {useSeed(entry), useSettings(entry), change(entry)}
  constructor(actions) {
    this.#actions = actions;
    this.element = make("figure", {class: "picture", tabindex: "-1", hidden: true, "aria-label": "The picture"});
  }

  // entry: as in PictureHistory.
  show(entry) {
    this.close();
    const {made} = entry;
    const after = this.#image(entry.after, `Made of “${made.prompt}”`, made);
    const body = entry.before ? this.#comparison(entry, after) : after;
    const save = make("a", {class: "button", href: after.src, download: fileName(made, entry.after.type)}, icon("save"), "Download");
    const link = (words, f) => make("button", {type: "button", class: "quiet", onclick: f}, words);
    const facts = [`seed ${made.seed}`, plural(made.steps, "step"), `${made.width} × ${made.height}`, made.ms > 0 && timeOf(made.ms), made.model];
    replace(this.element, body,
      make("figcaption", null, make("p", {class: "note muted"}, facts.filter(Boolean).join(" · ")),
        made.warnings.map((one) => make("p", {class: "note"}, one)),
        make("div", {class: "write-row"}, save, link("Use this seed again", () => this.#actions.useSeed(entry)),
          link("Use its settings", () => this.#actions.useSettings(entry)), link("Change this picture", () => this.#actions.change(entry))),
        made.parameters && make("details", {class: "made"}, make("summary", {class: "muted small"}, "What it was made of"),
          make("div", {class: "command"}, make("code", null, made.parameters), copyButton(() => made.parameters)))));
    this.element.hidden = false;
  }

  close() {
    for (const address of this.#addresses) URL.revokeObjectURL(address);
    this.#addresses = [];
    this.element.hidden = true;
    replace(this.element);
  }

  // Small pictures are shown several times as large.
  #image(blob, alt, {width, height}) {
    const address = URL.createObjectURL(blob);
    this.#addresses.push(address);
    const image = make("img", {src: address, alt, width, height});
    const times = Math.floor(SMALL / Math.max(width, height));
    if (times > 1) image.style.width = `${times * width}px`;
    return image;
  }

  // The picture stands over the image, cut at the line.
  #comparison({before, made}, after) {
    const under = this.#image(before, "Before", made);
    under.style.width = "";  // that of the other
    after.classList.add("after");
    const box = make("div", {class: "compare"}, under, after, make("span", {class: "tag", "aria-hidden": "true"}, "Before"),
      make("span", {class: "tag end", "aria-hidden": "true"}, "After"), make("span", {class: "line", "aria-hidden": "true"}));
    const cut = make("input", {type: "range", min: 0, max: 100, step: 1, value: 50, "aria-label": "Before and after: how much of the image before"});
    const move = () => box.style.setProperty("--cut", `${cut.value}%`);
    cut.addEventListener("input", move);
    box.append(cut);
    move();
    return box;
  }
}
