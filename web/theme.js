// SPDX-License-Identifier: Apache-2.0
// Light or dark, set before anything is drawn: what was chosen here, else what the system says. A classic script, so
// that it runs before the page's first line.
"use strict";
(() => {
  const name = "minnow-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;  // storage is forbidden: the choice lasts as long as the page
    }
  };
  let chosen = stored();
  const current = () => (chosen === "dark" || chosen === "light" ? chosen : system.matches ? "dark" : "light");
  const apply = () => {
    document.documentElement.dataset.theme = current();
    for (const button of document.querySelectorAll("[data-toggle-theme]")) {
      button.setAttribute("aria-label", current() === "dark" ? "Use light colours" : "Use dark colours");
      button.title = button.getAttribute("aria-label");
    }
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", (event) => {
    if (event.key !== name) return;
    chosen = stored();
    apply();
  });
  addEventListener("DOMContentLoaded", () => {
    apply();
    for (const button of document.querySelectorAll("[data-toggle-theme]")) {
      button.addEventListener("click", () => {
        const other = current() === "dark" ? "light" : "dark";
        const follows = other === (system.matches ? "dark" : "light");
        chosen = follows ? null : other;  // what the system says needs no memory
        try {
          if (follows) localStorage.removeItem(name);
          else localStorage.setItem(name, other);
        } catch {
          // kept in `chosen`
        }
        apply();
      });
    }
  });
})();
