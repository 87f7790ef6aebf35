// SPDX-License-Identifier: Apache-2.0
// The filter panel: values of fields with their counts, an expression of the filter grammar with its error, and chips
// for all that is chosen.
import {byId, count, icon, make, replace} from "./dom.js";
import {labelOf} from "./fields.js";
import {filterCount} from "./state.js";

const SHOWN = 8;            // values of a field before "more"
const EXPRESSION_MS = 400;  // after the last key

export class Filters {
  #change;
  #open = new Set();  // fields whose list is shown in full
  #timer = 0;
  #state = null;
  #counts = new Map();

  // change(part of a state, {push}): called when the user has chosen.
  constructor(change) {
    this.#change = change;
    const box = byId("expression");
    box.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#change({filter: box.value}), EXPRESSION_MS);
    });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      clearTimeout(this.#timer);
      this.#change({filter: box.value}, {push: true});
    });
  }

  // The server's message about the expression; "" for none.
  setError(message) {
    const box = byId("expression"), error = byId("expression-error");
    error.textContent = message;
    error.hidden = message === "";
    box.toggleAttribute("aria-invalid", message !== "");
    if (message !== "") {
      box.setAttribute("aria-invalid", "true");
      byId("filter-panel").open = true;
      byId("expression-details").open = true;
    }
  }

  // What is chosen, before any answer.
  showChosen(state) {
    this.#state = state;
    const box = byId("expression");
    if (document.activeElement !== box) box.value = state.filter;
    if (state.filter) byId("expression-details").open = true;
    const chosen = filterCount(state);
    byId("filter-count").textContent = chosen > 0 ? String(chosen) : "";
    this.#showChips(state, chosen);
  }

  // counts: Map field -> [[value, documents]], most frequent first.
  show(state, counts) {
    this.showChosen(state);
    this.#counts = counts;
    const focused = document.activeElement?.dataset?.facet;
    replace(byId("facets"), [...counts].map(([field, values]) => this.#facet(field, values, state.facets[field] ?? [])));
    if (focused) [...byId("facets").querySelectorAll("[data-facet]")].find((one) => one.dataset.facet === focused)?.focus();
  }

  #facet(field, values, chosen) {
    // What was chosen stays in sight, with whatever count it has now.
    const known = new Map(values.map(([value, number]) => [String(value), number]));
    for (const value of chosen) if (!known.has(value)) known.set(value, 0);
    const all = [...known];
    if (all.length < 2 && chosen.length === 0) return null;
    const expanded = this.#open.has(field);
    const shown = all.filter(([value], i) => expanded || i < SHOWN || chosen.includes(value));
    const more = all.length - shown.length;
    return make("fieldset", {class: "facet"},
      make("legend", null, labelOf(field)),
      shown.map(([value, number]) => this.#value(field, value, number, chosen)),
      more > 0 || expanded ? make("button", {type: "button", class: "link", "data-facet": `${field}\n`, onclick: () => {
        if (expanded) this.#open.delete(field);
        else this.#open.add(field);
        this.show(this.#state, this.#counts);
      }}, expanded ? "Show fewer" : `Show ${count(more)} more`) : null);
  }

  #value(field, value, number, chosen) {
    const box = make("input", {type: "checkbox", "data-facet": `${field}\n${value}`});
    box.checked = chosen.includes(value);
    box.addEventListener("change", () => {
      const values = box.checked ? [...chosen, value] : chosen.filter((one) => one !== value);
      this.#change({facets: withValues(this.#state.facets, field, values)}, {push: true});
    });
    return make("label", {class: number === 0 ? "zero" : null}, box, make("span", {class: "value", title: value}, value || "(empty)"), make("span", {class: "number"}, count(number)));
  }

  #showChips(state, chosen) {
    const chip = (text, label, part) => make("button", {type: "button", class: "chip removable", "aria-label": `Remove filter ${label}`,
      onclick: () => this.#change(part, {push: true})}, text, icon("close"));
    const chips = [];
    if (state.within) chips.push(chip([icon("folder"), state.within], state.within, {within: ""}));
    for (const [field, values] of Object.entries(state.facets)) {
      for (const value of values) {
        const others = withValues(state.facets, field, values.filter((one) => one !== value));
        chips.push(chip(`${labelOf(field)}: ${value}`, `${labelOf(field)} ${value}`, {facets: others}));
      }
    }
    if (state.filter.trim()) chips.push(chip(make("code", null, state.filter.trim()), state.filter.trim(), {filter: ""}));
    if (chosen > 1) chips.push(make("button", {type: "button", class: "link", onclick: () => this.#change({facets: {}, within: "", filter: ""}, {push: true})}, "Clear all"));
    replace(byId("chosen"), chips);
    byId("chosen").hidden = chips.length === 0;
  }
}

function withValues(facets, field, values) {
  const {[field]: ignored, ...others} = facets;
  return values.length > 0 ? {...others, [field]: values} : others;
}
