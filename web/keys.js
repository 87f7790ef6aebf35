// SPDX-License-Identifier: Apache-2.0
// The keyboard: / to the box, arrows through results, Esc back. Keys with modifiers stay the browser's.
import {byId} from "./dom.js";

const isEditable = (element) => element.matches?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
const links = () => [...document.querySelectorAll("main section:not([hidden]) a.hit-title")];

// Nothing has the focus, in the list: as after the page was opened, or a click beside everything.
const nowhere = () =>
  [document.body, document.documentElement, byId("main"), null].includes(document.activeElement) && !byId("search-view").hidden;

// The first result that is not above the window, or under the bar at its top.
const firstInSight = (all) => all.find((link) => link.getBoundingClientRect().top >= document.querySelector(".top").offsetHeight);

function move(step, event) {
  const all = links();
  const at = all.indexOf(document.activeElement);
  const inBox = document.activeElement === byId("q");
  const begins = nowhere() && step > 0;
  if (all.length === 0 || (at < 0 && !inBox && !begins)) return;
  event.preventDefault();
  if (inBox && step < 0) return;
  if (at === 0 && step < 0 && byId("document-view").hidden) {
    byId("q").focus();
    scrollTo(0, 0);
    return;
  }
  const next = (begins && firstInSight(all)) || all[Math.min(all.length - 1, Math.max(0, at + step))];
  next.focus({preventScroll: true});
  next.closest("li").scrollIntoView({block: "nearest"});
}

function escape(app, event) {
  const box = byId("q");
  if (app.state.doc || (app.state.view && app.indexes?.length > 0)) {
    event.preventDefault();
    app.back();
  } else if (document.activeElement === box) {
    event.preventDefault();
    if (box.value === "") box.blur();
    box.value = "";
    box.dispatchEvent(new Event("input"));
  } else if (!box.hidden) {
    event.preventDefault();
    box.focus();
  }
}

export function installKeys(app) {
  const help = byId("help");
  byId("help-button").addEventListener("click", () => help.showModal());
  help.addEventListener("click", (event) => {
    if (event.target === help) help.close();  // beside it
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
    const editing = isEditable(event.target);
    if (event.key === "Escape") escape(app, event);
    else if (event.key === "ArrowDown" && (!editing || event.target === byId("q"))) move(1, event);
    else if (event.key === "ArrowUp" && (!editing || event.target === byId("q"))) move(-1, event);
    else if (event.key === "/" && !editing) {
      event.preventDefault();
      byId("q").focus();
      byId("q").select();
    } else if (event.key === "?" && !editing) {
      event.preventDefault();
      help.showModal();
    }
  });
}
