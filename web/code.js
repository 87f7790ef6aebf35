// SPDX-License-Identifier: Apache-2.0
// Source code with line numbers and colours, of any length: lines stand in blocks which the browser lays out only near
// the window (content-visibility), colours are added in slices between frames, and searching in the page still works.
import {breathe, make} from "./dom.js";
import {languageFor, scan} from "./highlight.js";

const BLOCK_LINES = 250;
const SLICE = 40_000;               // characters read between two frames: some milliseconds
const MAX_SHOWN = 4_000_000;        // characters; more is cut, and said
const MAX_COLOURED = 2_000_000;
const MAX_COLOURED_LINE = 10_000;   // longer lines are data
const MAX_COLUMNS = 400;            // beyond it a block's width is found out when it is shown

// Where each line begins, and one more: where a line after the last would begin.
function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  if (starts[starts.length - 1] === text.length && starts.length > 1) starts.pop();  // a last line break ends a line
  starts.push(text.length + (text.endsWith("\n") ? 0 : 1));
  return starts;
}

// Index of the last element that is <= value.
function lastAtMost(sorted, value) {
  let low = 0, high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sorted[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

// The characters [begin, end) with their tokens as nodes.
function colouredNodes(text, begin, end, tokens, first) {
  const fragment = document.createDocumentFragment();
  let at = begin;
  for (let i = first; i < tokens.length && tokens[i][0] < end; i += 1) {
    const from = Math.max(tokens[i][0], begin), to = Math.min(tokens[i][1], end);
    if (to <= from) continue;
    if (from > at) fragment.append(text.slice(at, from));
    fragment.append(make("span", {class: `t-${tokens[i][2]}`}, text.slice(from, to)));
    at = to;
  }
  if (at < end) fragment.append(text.slice(at, end));
  return fragment;
}

export class CodeView {
  #text;
  #starts;
  #blocks = [];  // {code, begin, end, coloured}
  #language;
  #first;
  #onShown;
  #stopped = false;
  #passage = null;

  // text; {language, path: to choose colours by; firstLine: number of the first line; onShown(element): called for each
  // block once its final nodes are there}.
  constructor(text, {language, path, firstLine = 1, onShown = () => {}} = {}) {
    this.cut = text.length > MAX_SHOWN;
    this.#text = (this.cut ? text.slice(0, MAX_SHOWN) : text).replace(/\r\n?/g, "\n");
    this.#starts = lineStarts(this.#text);
    this.#language = languageFor(language, path);
    this.#first = firstLine;
    this.#onShown = onShown;
    this.lines = this.#starts.length - 1;
    this.element = this.#build();
    this.#colour();
  }

  stop() { this.#stopped = true; }

  #build() {
    let longest = 0;
    for (let i = 0; i < this.lines; i += 1) longest = Math.max(longest, this.#starts[i + 1] - this.#starts[i]);
    const digits = String(this.#first + this.lines - 1).length;
    const content = make("div", {class: "code-lines"});
    content.style.setProperty("--digits", digits);
    content.style.setProperty("--columns", Math.min(longest, MAX_COLUMNS));
    for (let line = 0; line < this.lines; line += BLOCK_LINES) content.append(this.#block(line));
    const scroller = make("div", {class: "code", tabindex: "0", role: "region", "aria-label": "Source code"}, content);
    return scroller;
  }

  #block(line) {
    const last = Math.min(line + BLOCK_LINES, this.lines);
    const begin = this.#starts[line];
    const end = Math.min(this.#starts[last], this.#text.length);
    const numbers = [];
    for (let i = line; i < last; i += 1) numbers.push(this.#first + i);
    const code = make("code", null, this.#text.slice(begin, end));
    const element = make("div", {class: "code-block"},
      make("span", {class: "code-numbers", "aria-hidden": "true"}, numbers.join("\n")), code);
    element.style.setProperty("--lines", last - line);
    this.#blocks.push({code, begin, end, element});
    return element;
  }

  // Reads all tokens in slices, then gives a block its colours when it comes near the window.
  async #colour() {
    const tokens = [];
    const colours = this.#language !== null && this.#text.length <= MAX_COLOURED;
    let position = 0, next = 0, firstToken = 0;
    const observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        observer.unobserve(entry.target);
        const block = this.#blocks.find((one) => one.element === entry.target);
        if (colours && !this.#hasLongLine(block)) {
          block.code.replaceChildren(colouredNodes(this.#text, block.begin, block.end, tokens, block.firstToken));
        }
        this.#onShown(block.code);
      }
    }, {rootMargin: "800px 0px"});
    while (next < this.#blocks.length && !this.#stopped) {
      if (colours) position = scan(this.#language, this.#text, position, SLICE, tokens);
      // Blocks whose tokens are all read.
      while (next < this.#blocks.length && (!colours || this.#blocks[next].end <= position)) {
        const block = this.#blocks[next];
        while (firstToken < tokens.length && tokens[firstToken][1] <= block.begin) firstToken += 1;
        block.firstToken = firstToken;
        observer.observe(block.element);
        next += 1;
      }
      if (next < this.#blocks.length) await breathe();
    }
  }

  #hasLongLine(block) {
    const first = lastAtMost(this.#starts, block.begin);
    for (let i = first; i < this.lines && this.#starts[i] < block.end; i += 1) {
      if (this.#starts[i + 1] - this.#starts[i] > MAX_COLOURED_LINE) return true;
    }
    return false;
  }

  // Marks the lines that hold the characters [begin, end), which reveal() then shows.
  mark(begin, end) {
    const from = lastAtMost(this.#starts, begin);
    const to = Math.min(this.lines - 1, lastAtMost(this.#starts, Math.max(begin, end - 1)));
    for (let line = from; line <= to; line += BLOCK_LINES - (line % BLOCK_LINES)) {
      const block = this.#blocks[Math.floor(line / BLOCK_LINES)];
      if (!block) return;
      const stripe = make("span", {class: "code-passage", "aria-hidden": "true"});
      stripe.style.setProperty("--from", line % BLOCK_LINES);
      stripe.style.setProperty("--count", Math.min(to - line + 1, BLOCK_LINES - (line % BLOCK_LINES)));
      block.element.append(stripe);
      this.#passage ??= {block: block.element, stripe};
    }
  }

  // The block first: the stripe's place is known only once the browser has laid it out.
  reveal() {
    if (!this.#passage) return;
    this.#passage.block.scrollIntoView({block: "nearest"});
    requestAnimationFrame(() => this.#passage.stripe.scrollIntoView({block: "center", inline: "start"}));
  }
}
