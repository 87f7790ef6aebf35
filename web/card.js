// SPDX-License-Identifier: Apache-2.0
// A result card: badge, place, title, snippet. The whole card is a way to its link; its text can still be selected.
import {breakable, make} from "./dom.js";
import {languageOf, linesOf, pathOf, titleOf} from "./fields.js";
import {isMarkdown, languageFor} from "./highlight.js";
import {snippetNodes} from "./snippet.js";

const BANDS = [[80, "strong", "very close"], [60, "good", "close"], [40, "fair", "related"], [-1, "weak", "distant"]];

// A score of 0..1 as a number of 0..100.
export const points = (score) => Math.round(100 * Math.min(1, Math.max(0, Number(score) || 0)));
export const bandOf = (score) => BANDS.find(([edge]) => points(score) > edge);

// details: below the words that are shown where the pointer rests.
export function badge(score, details = "") {
  const [, band, words] = bandOf(score);
  const element = make("span", {class: `badge ${band}`, title: `${points(score)} of 100, ${words}${details && `\n${details}`}`},
    make("span", {class: "sr-only"}, "Score "), make("b", null, String(points(score))),
    make("span", {class: "sr-only"}, ` of 100, ${words}.`), make("i", {"aria-hidden": "true"}));
  element.style.setProperty("--score", `${points(score)}%`);
  return element;
}

// Of a document that was found by its words alone: their weight, which has no upper end, and does not tell how near it is.
function wordsBadge(score) {
  const shown = score.toFixed(score < 9.95 ? 1 : 0);
  return make("span", {class: "badge words", title: `found by words, which weigh ${score.toFixed(2)} (BM25)`},
    make("span", {class: "sr-only"}, "Found by words, which weigh "), make("b", null, shown), make("small", {"aria-hidden": "true"}, "words"));
}

// The place in the list is `score`, which may come of two lists: what a badge says is how near, or how many words.
function badgeOf(hit) {
  if (typeof hit.semantic_score === "number") return badge(hit.semantic_score, scoreDetails(hit));
  return typeof hit.lexical_score === "number" ? wordsBadge(hit.lexical_score) : null;
}

// "src/http/server.cc" as parts; those that are folders lead to a search within them: onWithin("src/http/").
export function crumbs(path, onWithin) {
  const parts = path.split("/");
  const shown = [];
  for (let i = 0; i < parts.length; i += 1) {
    const isFolder = i < parts.length - 1;
    if (isFolder && parts[i] === "") continue;
    const prefix = `${parts.slice(0, i + 1).join("/")}/`;
    const name = isFolder && onWithin
      ? make("button", {type: "button", class: "crumb", title: `Only in ${prefix}`, onclick: () => onWithin(prefix)}, breakable(parts[i]))
      : make("span", null, breakable(parts[i]));
    shown.push(isFolder ? make("span", {class: "step"}, name, make("span", {class: "slash", "aria-hidden": "true"}, "/")) : name);
  }
  return make("div", {class: "crumbs"}, shown);
}

const fixed = (value, digits) => (typeof value === "number" ? value.toFixed(digits) : null);

function scoreDetails(hit) {
  const semantic = fixed(hit.semantic_score, 3), lexical = fixed(hit.lexical_score, 2);
  return [semantic && `meaning ${semantic}`, lexical && `words ${lexical}`].filter(Boolean).join(" · ");
}

function snippet(text, language, path, compact) {
  const source = !compact && languageFor(language, language ? "" : path) !== null;
  const lines = source ? text.replace(/^\s*\n|\s+$/g, "").replace(/\n\s*\n/g, "\n") : text;
  return make("div", {class: source ? "snippet source" : "snippet"}, make("p", {dir: source ? null : "auto"}, snippetNodes(lines, isMarkdown(language, path))));
}

// href: of the document; open(event): a plain click; within(prefix): a folder of the path was chosen.
export function hitCard(hit, {href, open, within = null, compact = false}) {
  const document = hit.document ?? {};
  const title = titleOf(document, hit.id);
  const path = pathOf(document);
  const lines = linesOf(document);
  const language = languageOf(document);
  const link = make("a", {class: "hit-title", href, "data-hit": hit.id}, breakable(path === title ? path.split("/").pop() || path : title));
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    open(event);
  });
  const facts = [language, lines && lines !== "1" && `line${/–/.test(lines) ? "s" : ""} ${lines}`, compact ? null : scoreDetails(hit)].filter(Boolean);
  const card = make("li", {class: "hit"},
    make("div", {class: "hit-text"},
      path ? crumbs(path, within) : null,
      make("h3", {dir: "auto"}, link),
      typeof document.signature === "string" && document.signature !== title && !compact
        ? make("p", {class: "signature"}, document.signature.slice(0, 300)) : null,
      hit.snippet ? snippet(hit.snippet, language, path, compact) : null,
      facts.length > 0 ? make("p", {class: "facts"}, facts.map((fact) => make("span", null, fact))) : null),
    badgeOf(hit));
  card.addEventListener("click", (event) => {
    if (event.target.closest("a, button") || String(getSelection()) !== "") return;
    if (event.metaKey || event.ctrlKey) window.open(link.href, "_blank", "noopener");
    else open(event);
  });
  return card;
}
