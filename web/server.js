// SPDX-License-Identifier: Apache-2.0
// The page about the running server: its model, its routes, and a try: how alike two sentences are, by /embed.
import * as api from "./api.js";
import {badge} from "./card.js";
import {breathe, copyButton, count, make, replace} from "./dom.js";

const TRY_MS = 250;  // after the last key
const EXAMPLES = [
  ["A man is playing a guitar on stage.", "Someone performs music with a string instrument."],
  ["How do I reset my password?", "I cannot log in to my account."],
  ["The stock market fell sharply on Monday.", "A recipe for lemon cake."],
];
const ROUTES = [
  ["POST", "/v1/embeddings", "as OpenAI’s: vectors of texts", {model: "MODEL", input: ["a sentence", "another"]}],
  ["POST", "/embed", "as text-embeddings-inference’s", {inputs: ["a sentence", "another"]}],
  ["POST", "/tokenize", "tokens with their places", {inputs: "a sentence"}],
  ["GET", "/info", "the model and the limits"],
  ["GET", "/readyz", "200 once the model is loaded"],
  ["GET", "/metrics", "Prometheus text"],
];
const INDEX_ROUTES = [
  ["GET", "/indexes", "the indexes and their sizes"],
  ["POST", "/indexes/INDEX/search", "search", {q: "a question", limit: 5}],
  ["POST", "/indexes/INDEX/documents", "add or replace documents", [{id: "a", title: "A title", text: "A text"}]],
];

function cosine(a, b) {
  let dot = 0, aa = 0, bb = 0;
  for (let i = 0; i < a.length; i += 1) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / Math.sqrt(aa * bb || 1);
}

export class ServerView {
  #root;
  #controller = null;
  #timer = 0;

  constructor(root) { this.#root = root; }

  close() {
    this.#controller?.abort();
    clearTimeout(this.#timer);
    replace(this.#root);
  }

  // indexes: those served, null when the server has no store.
  async show(indexes) {
    this.close();
    const {signal} = this.#controller = new AbortController();
    const facts = make("dl", {class: "metadata"});
    const state = make("p", {class: "server-state", role: "status"}, "Asking the server…");
    const routes = make("div");
    replace(this.#root,
      make("div", {class: "page-head"}, make("h2", {tabindex: "-1"}, "This server"), state),
      make("section", {class: "panel"}, make("h3", null, "Model"), facts),
      this.#trial(signal),
      indexes === null ? howToServeAnIndex() : null,
      make("section", {class: "panel"}, make("h3", null, "Routes"), routes));
    const info = await this.#untilReady(state, signal);
    if (info === null) return;
    replace(facts, modelFacts(info).map(([name, value]) => make("div", null, make("dt", null, name), make("dd", null, value))));
    this.#routes(routes, info.model_id, indexes);
  }

  // The answer of /info; null when the view was closed before.
  async #untilReady(state, signal) {
    while (!signal.aborted) {
      try {
        const info = await api.info(signal);
        state.textContent = "Ready";
        state.className = "server-state ready";
        return info;
      } catch (error) {
        if (error.name === "AbortError") return null;
        state.textContent = error.isLoading ? `Not ready: ${error.message}` : error.message;
        state.className = "server-state";
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    return null;
  }

  #trial(signal) {
    const boxes = [0, 1].map((i) => make("textarea", {rows: "3", maxlength: "5000", "aria-label": i === 0 ? "First text" : "Second text", spellcheck: "false"}));
    const result = make("div", {class: "trial-result", role: "status", "aria-live": "polite"});
    const update = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => compare(boxes.map((box) => box.value.trim()), result, signal), TRY_MS);
    };
    for (const box of boxes) box.addEventListener("input", update);
    const choose = ([first, second]) => {
      [boxes[0].value, boxes[1].value] = [first, second];
      update();
    };
    choose(EXAMPLES[0]);
    return make("section", {class: "panel", id: "trial"}, make("h3", null, "How alike are two texts?"),
      make("div", {class: "trial"}, boxes), result,
      make("p", {class: "chips"}, EXAMPLES.map((pair, i) => make("button", {type: "button", class: "chip", onclick: () => choose(pair)}, `Example ${i + 1}`))));
  }

  #routes(root, model, indexes) {
    const index = indexes?.[0]?.name;
    const all = index ? [...INDEX_ROUTES, ...ROUTES] : ROUTES;
    replace(root, all.map(([method, path, what, body]) => {
      const address = `${location.origin}${path.replace("INDEX", index ? encodeURIComponent(index) : "")}`;
      const sent = body && JSON.stringify(body).replace("MODEL", model);
      const line = method === "GET" ? `curl ${address}` : `curl ${address} -H 'Content-Type: application/json' -d '${sent}'`;
      return make("details", {class: "route"},
        make("summary", null, make("span", {class: `method ${method.toLowerCase()}`}, method), make("code", null, path.replace("INDEX", "{index}")), make("span", {class: "muted"}, what)),
        make("div", {class: "command"}, make("code", null, line), copyButton(() => line)));
    }));
  }
}

async function compare(texts, result, signal) {
  if (texts.some((text) => text === "")) {
    replace(result, make("p", {class: "muted"}, "Write a text into both boxes."));
    return;
  }
  const begin = performance.now();
  try {
    const [a, b] = await api.embed(texts, signal);
    const took = performance.now() - begin;
    const tokens = await api.tokenize(texts, signal).catch(() => null);
    await breathe();
    const score = cosine(a, b);
    replace(result, badge(score), make("p", null, make("b", null, `Cosine ${score.toFixed(3)}`),
      make("span", {class: "muted"}, [`${count(a.length)} dimensions`, tokens && `${tokens[0].length} and ${tokens[1].length} tokens`, `${took.toFixed(1)} ms`].filter(Boolean).map((one) => ` · ${one}`).join(""))));
  } catch (error) {
    if (error.name !== "AbortError") replace(result, make("p", {class: "error-text"}, error.message));
  }
}

function modelFacts(info) {
  const quality = info.quality && `cosine to fp32 ${info.quality.cosine_mean.toFixed(4)} (lowest ${info.quality.cosine_min.toFixed(4)}, ${count(info.quality.texts)} texts)`;
  return [["Name", info.model_id], ["Precision", [info.model_dtype, info.embedding_dtype && `embeddings ${info.embedding_dtype}`].filter(Boolean).join(", ")],
    ["Pooling", info.model_type?.embedding?.pooling], ["Longest text", `${count(info.max_input_length)} tokens`],
    ["Tokens of a batch", count(info.max_batch_tokens)], ["Requests at a time", count(info.max_concurrent_requests)],
    ["Quality", quality], ["minnow", info.version]].filter(([, value]) => value);
}

function howToServeAnIndex() {
  const lines = "minnow index add FOLDER --index my.db --model MODEL\nminnow serve --model MODEL --index my.db";
  return make("section", {class: "panel"}, make("h3", null, "Search"),
    make("p", null, "No index is served here. Two commands make this page a search over your own files:"),
    make("div", {class: "command"}, make("code", null, lines), copyButton(() => lines)));
}
