// SPDX-License-Identifier: Apache-2.0
// Answers of models as elements: scores as bars, places marked in a text.
import {make} from "./dom.js";

const KINDS = 6;  // colours of entities: .kind-0 and so on

// rows: [{label, score, detail}], best first. A bar is as long as its score, of 0..1. kind: "long" where labels are texts.
export function bars(rows, kind = "") {
  return make("ol", {class: `bars ${kind}`, role: "list"}, rows.map(({label, score, detail}) => {
    const bar = make("span", {class: "bar", "aria-hidden": "true"});
    bar.style.setProperty("--score", `${100 * Math.min(1, Math.max(0, score))}%`);
    return make("li", null,
      make("span", {class: "bar-label"}, make("bdi", null, label), detail && make("span", {class: "muted small"}, detail)),
      make("span", {class: "bar-score"}, score.toFixed(3)), bar);
  }));
}

// text: as it was sent. places: [{start, end, …}] in code points; those that overlap one before are left out.
// around(part, place): the part as an element.
export function markedText(text, places, around = (part) => make("mark", null, part)) {
  const points = Array.from(text);
  const nodes = [];
  let at = 0;
  for (const place of [...places].sort((a, b) => a.start - b.start)) {
    if (place.start < at || place.end <= place.start) continue;
    nodes.push(points.slice(at, place.start).join(""), around(points.slice(place.start, place.end).join(""), place));
    at = place.end;
  }
  return make("p", {class: "marked", dir: "auto"}, nodes, points.slice(at).join(""));
}

// labels: all that the model has; each kind of entity has its colour, and its name beside it.
export function entityMarks(text, entities, labels) {
  const kinds = [...new Set(labels.map((one) => one.replace(/^[BIESLU]-/, "")))].filter((one) => one !== "O");
  return markedText(text, entities, (part, {entity_group: kind, score}) =>
    make("mark", {class: `entity kind-${Math.max(0, kinds.indexOf(kind)) % KINDS}`, title: `${kind}, score ${score.toFixed(3)}`}, part,
      make("small", null, " ", make("b", null, kind), ` ${score.toFixed(2)}`)));
}

// Label -> language, where all labels are codes of languages; else null.
export function languageNames(labels) {
  const names = new Intl.DisplayNames("en", {type: "language", fallback: "none"});
  const found = new Map(labels.map((one) => [one, /^[a-z]{2,3}(-\w+)?$/.test(one) ? names.of(one) : undefined]));
  return labels.length > 0 && [...found.values()].every(Boolean) ? found : null;
}
