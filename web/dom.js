// SPDX-License-Identifier: Apache-2.0
// Elements without markup: what comes from documents and servers becomes text nodes and attributes, never HTML.
// Nothing in this folder writes innerHTML, and the page's Content-Security-Policy (Trusted Types) forbids it.

// make("a", {class: "title", href: "/", onclick: f, "aria-label": "…"}, "text", node, [more], null)
// Properties that are null, undefined or false are left out; true is the empty attribute.
export function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

function append(parent, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(parent, child);
    else parent.append(child);
  }
}

export function replace(parent, ...children) {
  parent.replaceChildren();
  append(parent, children);
}

export const byId = (id) => document.getElementById(id);

// Outlines of 24 x 24, drawn with the text's colour.
const ICONS = {
  back: "M15 5l-7 7 7 7",
  down: "M12 5v14M6 13l6 6 6-6",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 13l4 4L19 7",
  external: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  folder: "M3 6h6l2 2h10v11H3z",
  filter: "M4 6h16M7 12h10M10 18h4",
  code: "M9 7l-5 5 5 5M15 7l5 5-5 5",
  text: "M5 6h14M5 12h14M5 18h8",
  picture: "M3 5h18v14H3zM3 16l5-5 4 4 3-3 6 6M15.500 8.500v.01",
  save: "M12 4v11M7 10l5 5 5-5M5 20h14",
};

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [key, value] of Object.entries({class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true"})) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const NUMBERS = new Intl.NumberFormat("en");
export const count = (number) => NUMBERS.format(number);
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

// A text as nodes, with places where its long words may be broken: after signs (but not before an ending), and where
// capitals begin a part.
export function breakable(text) {
  const parts = text.split(/(?<=\w[._/:-]+)(?=\w{4})|(?<=\p{Ll})(?=\p{Lu})/u);
  return parts.flatMap((part, i) => (i === 0 ? [part] : [make("wbr"), part]));
}

// A button that copies what `text()` gives, and says so.
export function copyButton(text, label = "Copy") {
  const words = make("span", null, label);
  const button = make("button", {type: "button", class: "quiet"}, icon("copy"), words);
  button.addEventListener("click", async () => {
    const done = await copy(text());
    words.textContent = done ? "Copied" : "Select and copy by hand";
    button.firstChild.replaceWith(icon(done ? "check" : "copy"));
    setTimeout(() => {
      words.textContent = label;
      button.firstChild.replaceWith(icon("copy"));
    }, 1600);
  });
  return button;
}

// The clipboard's own interface exists on https and localhost only.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = make("textarea", {class: "off-screen", "aria-hidden": "true"});
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

// Lets the browser draw and take input between pieces of long work.
export const breathe = () => new Promise((resolve) => setTimeout(resolve));
