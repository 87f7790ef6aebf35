// SPDX-License-Identifier: Apache-2.0
// The page about the running server: a playground for what its models do, the models, the routes.
import * as api from "./api.js";
import {copyButton, count, make, replace} from "./dom.js";
import {Studio} from "./studio.js";
import {TASKS} from "./tasks.js";
import {Trial} from "./trial.js";
import {Writer} from "./writer.js";

const ROUTES = [
  ["POST", "/tokenize", "tokens with their places", {model: "MODEL", inputs: "a sentence"}],
  ["GET", "/info", "a model and the limits"],
  ["GET", "/v1/models", "the models"],
  ["GET", "/readyz", "200 once the models are loaded"],
  ["GET", "/metrics", "Prometheus text"],
];
const INDEX_ROUTES = [
  ["GET", "/indexes", "the indexes and their sizes"],
  ["POST", "/indexes/INDEX/search", "search", {q: "a question", limit: 5}],
  ["POST", "/indexes/INDEX/documents", "add or replace documents", [{id: "a", title: "A title", text: "A text"}]],
];

export class ServerView {
  #root;
  #askForKey;
  #controller = null;
  #trials = [];

  // askForKey(): resolves when a key was given.
  constructor(root, askForKey) {
    this.#root = root;
    this.#askForKey = askForKey;
  }

  close() {
    this.#controller?.abort();
    for (const trial of this.#trials) trial.close();
    this.#trials = [];
    replace(this.#root);
  }

  // indexes: those served, null when the server has no store.
  async show(indexes) {
    this.close();
    const {signal} = this.#controller = new AbortController();
    const state = make("p", {class: "server-state", role: "status"}, "Asking the server…");
    replace(this.#root, make("div", {class: "page-head"}, make("h2", {tabindex: "-1"}, "This server"), state));
    const models = await this.#untilReady(state, signal);
    if (models === null || signal.aborted) return;
    const tasks = TASKS.map((task) => [task, models.filter(task.suits)]).filter(([, fit]) => fit.length > 0);
    this.#trials = tasks.map(([task, fit]) => new (panelOf(task))(task, fit, this.#askForKey));
    const embeds = models.some((info) => info.model_type.embedding);
    this.#root.append(...this.#trials.map((trial) => trial.element), modelsPanel(models),
      ...(indexes === null && embeds ? [howToServeAnIndex()] : []), this.#routes(tasks, indexes, models[0]));
  }

  // The answers of /info; null when the view was closed before.
  async #untilReady(state, signal) {
    while (!signal.aborted) {
      try {
        await api.ready(signal);  // before that, /info tells of those models that are there already
        const models = await api.models(signal);
        state.textContent = "Ready";
        state.className = "server-state ready";
        return models;
      } catch (error) {
        if (error.name === "AbortError") return null;
        state.textContent = error.isLoading ? `Not ready: ${error.message}` : error.message;
        state.className = "server-state";
        if (error.isLocked) await this.#askForKey();
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    return null;
  }

  // tasks: [[task, models that do it]]
  #routes(tasks, indexes, first) {
    const index = indexes?.[0]?.name;
    const asked = tasks.flatMap(([task, [info]]) => task.routes.map(([path, what, body]) => ["POST", path, what, body, info]));
    const all = [...(index ? INDEX_ROUTES : []), ...asked, ...ROUTES];
    return make("section", {class: "panel"}, make("h3", null, "Routes"), all.map(([method, path, what, body, info = first]) => {
      const address = `${location.origin}${path.replace("INDEX", index ? encodeURIComponent(index) : "")}`;
      const sent = body && JSON.stringify(body).replace('"MODEL"', JSON.stringify(info.model_id)).replace("MASK", info.mask_token);
      const line = method === "GET" ? `curl ${address}` : `curl ${address} -H 'Content-Type: application/json' -d '${sent}'`;
      return make("details", {class: "route"},
        make("summary", null, make("span", {class: `method ${method.toLowerCase()}`}, method), make("code", null, path.replace("INDEX", "{index}")), make("span", {class: "muted"}, what)),
        make("div", {class: "command"}, make("code", null, line), copyButton(() => line)));
    }));
  }
}

const panelOf = (task) => (task.paints ? Studio : task.writes ? Writer : Trial);

const LABELS = 12;  // of a model, that are listed

function modelsPanel(models) {
  return make("section", {class: "panel"}, make("h3", null, models.length === 1 ? "Model" : "Models"), models.map((info) => make("dl", {class: "metadata"},
    modelFacts(info).map(([name, value]) => make("div", null, make("dt", null, name), make("dd", null, value))))));
}

function labelsOf(info) {
  const labels = Object.values(Object.values(info.model_type)[0]?.id2label ?? {});
  const more = labels.length - LABELS;
  return labels.slice(0, LABELS).join(", ") + (more > 0 ? ` and ${count(more)} more` : "");
}

function modelFacts(info) {
  const quality = info.quality && `cosine to fp32 ${info.quality.cosine_mean.toFixed(4)} (lowest ${info.quality.cosine_min.toFixed(4)}, ${count(info.quality.texts)} texts)`;
  return [["Name", info.model_id], ["Precision", [info.model_dtype, info.embedding_dtype && `embeddings ${info.embedding_dtype}`].filter(Boolean).join(", ")],
    ["Pooling", info.model_type.embedding?.pooling], ["Labels", labelsOf(info)], ["Tasks", Object.keys(info.model_type.text2text?.tasks ?? {}).join(", ")], ["Longest text", `${count(info.max_input_length)} tokens`],
    ["Tokens of a batch", !info.model_type.text_to_image && count(info.max_batch_tokens)], ["Requests at a time", count(info.max_concurrent_requests)],
    ["Quality", quality], ["minnow", info.version]].filter(([, value]) => value);
}

function howToServeAnIndex() {
  const lines = "minnow index add FOLDER --index my.db --model MODEL\nminnow serve --model MODEL --index my.db";
  return make("section", {class: "panel"}, make("h3", null, "Search"),
    make("p", null, "No index is served here. Two commands make this page a search over your own files:"),
    make("div", {class: "command"}, make("code", null, lines), copyButton(() => lines)));
}
