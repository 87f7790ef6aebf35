// SPDX-License-Identifier: Apache-2.0
// The pictures that were made in this browser, the newest first. They stay in it (IndexedDB); where it refuses to keep
// them, they are there until the page is closed. The oldest make room.
//
// An entry is {id, after: Blob, before: Blob or null, made}; made is {prompt, negative, seed, steps, width, height, ms, model,
// parameters, warnings, settings}.

const NAME = "minnow-pictures", STORE = "pictures";
const MOST = 24;
const MOST_BYTES = 64 * 1024 * 1024;

const result = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
  request.onblocked = () => reject(new Error("blocked"));
});

async function open() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, {keyPath: "id"});
  return result(request);
}

const bytesOf = ({before, after}) => after.size + (before?.size ?? 0);

// Those that may stay.
function bounded(entries) {
  let bytes = 0;
  return entries.slice(0, MOST).filter((entry, i) => {
    bytes += bytesOf(entry);
    return i === 0 || bytes <= MOST_BYTES;
  });
}

export class PictureHistory {
  entries = [];
  isKept = false;  // beyond this page
  #database = null;

  async load() {
    try {
      this.#database = await open();
      this.#database.onversionchange = () => this.#database.close();
      this.entries = await this.#stored();
      this.isKept = true;
    } catch {
      this.isKept = false;
    }
  }

  async add(entry) {
    this.entries = bounded([entry, ...this.entries]);
    if (!this.isKept) return;
    try {
      await result(this.#store("readwrite").put(entry));
      const all = await this.#stored();  // other tabs add too
      const kept = bounded(all);
      for (const {id} of all) if (!kept.some((one) => one.id === id)) await result(this.#store("readwrite").delete(id));
      this.entries = kept;
    } catch {
      this.isKept = false;
    }
  }

  async clear() {
    this.entries = [];
    try {
      if (this.#database) await result(this.#store("readwrite").clear());
    } catch {
      this.isKept = false;
    }
  }

  #store(mode) { return this.#database.transaction(STORE, mode).objectStore(STORE); }

  async #stored() { return (await result(this.#store("readonly").getAll())).sort((a, b) => b.id - a.id); }
}
