// SPDX-License-Identifier: Apache-2.0
// One picture that the server makes: asked for as a job, followed by its events until it ends.
import {ApiError, ask, askLeaving, events, get} from "./api.js";

const JOBS = "/sdcpp/v1/jobs/";
const TRIES = 5;  // in a row, when its events break off
const RETRY_MS = 1000;

export class PictureJob {
  #path = "";
  #cancelled = false;

  // The job with its pictures, or as it was cancelled (null where it never began). Throws ApiError, also where it failed.
  // told(name, data): of each event before the end.
  async run(body, told) {
    const id = `job_${[...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
    this.#path = JOBS + id;  // at once, for who leaves before the answer comes
    const accepted = await ask("/sdcpp/v1/img_gen", {...body, id});
    this.#path = JOBS + encodeURIComponent(accepted.id);
    if (this.#cancelled) this.#askToCancel();
    const ended = await this.#ended(told);
    if (ended.status === "failed") throw new ApiError(ended.error.message, {code: ended.error.code});
    return ended.status === "completed" ? get(this.#path) : ended;
  }

  // run() ends soon after.
  cancel() {
    this.#cancelled = true;
    if (this.#path) this.#askToCancel();
  }

  // It may have ended meanwhile, which is then told by its events.
  #askToCancel() { askLeaving(`${this.#path}/cancel`).catch(() => {}); }

  async #ended(told) {
    for (let tries = 0; ; tries += 1) {
      try {
        for await (const [name, data] of events(`${this.#path}/events`)) {
          tries = 0;
          if (name !== "queued" && name !== "progress") return data;
          told(name, data);
        }
        throw new ApiError("The server’s answer broke off.");
      } catch (error) {
        if (error.status !== 0 || tries >= TRIES) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
