// SPDX-License-Identifier: Apache-2.0
// A picture that is being made: how far it is, what is left, and a look at it.
import {make} from "./dom.js";
import {blobOf} from "./picture_file.js";
import {timeOf} from "./picture_view.js";

const TICK_MS = 1000;

const ordinal = (n) => `${n}${n % 100 >= 11 && n % 100 <= 13 ? "th" : ["th", "st", "nd", "rd"][n % 10] ?? "th"}`;

export class PictureProgress {
  #bar = make("progress", {"aria-label": "Steps", max: 1, value: 0});
  #words = make("p", {class: "note muted"});
  #preview = make("img", {alt: "A look at the picture so far", hidden: true});
  #timer = 0;
  #address = "";
  #state = null;  // the last event's data
  #heard = 0;     // when

  element = make("div", {class: "picture making", hidden: true}, this.#bar, this.#words, this.#preview);

  begin() {
    this.#bar.value = 0;
    this.#words.textContent = "Sending…";
    this.element.hidden = false;
  }

  // An event of the job, "queued" or "progress".
  tell(name, data) {
    clearInterval(this.#timer);
    if (name === "queued") {
      this.#words.textContent = data.queue_position > 1 ? `Waiting: ${ordinal(data.queue_position)} in line` : "Waiting: next in line";
      return;
    }
    this.#state = data;
    this.#heard = performance.now();
    this.#bar.max = Math.max(1, data.steps);
    this.#bar.value = data.step;
    if (data.preview) this.#look(data.preview);
    this.#show();
    this.#timer = setInterval(() => this.#show(), TICK_MS);
  }

  close() {
    clearInterval(this.#timer);
    this.element.hidden = true;
    this.#preview.hidden = true;
    this.#preview.removeAttribute("src");
    URL.revokeObjectURL(this.#address);
    this.#address = "";
  }

  // Between two events what is left goes on falling.
  #show() {
    const {step, steps, elapsed_ms: elapsed, eta_ms: eta} = this.#state;
    const since = performance.now() - this.#heard;
    const at = step < steps ? `Step ${step + 1} of ${steps}` : "The last touch";
    const left = typeof eta === "number" && eta - since > 500 ? `about ${timeOf(eta - since)} left` : `${timeOf(elapsed + since)} so far`;
    this.#words.textContent = `${at} · ${left}`;
  }

  #look(base64) {
    const old = this.#address;
    this.#address = URL.createObjectURL(blobOf(base64, "image/png"));
    this.#preview.src = this.#address;
    this.#preview.hidden = false;
    URL.revokeObjectURL(old);
  }
}
