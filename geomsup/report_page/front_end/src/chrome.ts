// What every page has around its pictures: a heading, a bar that stays in view, notes, and two grounds.

import { themeChanged } from "./colours";
import { el, isolated, tame } from "./dom";
import type { Panel } from "./panel";
import type { Payload } from "./payload";

export interface Named { n: number; called: (i: number, most?: number) => string; raw: (i: number) => string; number: (i: number) => number; position: (n: number) => number }

const MOST_FOUND = 12;

export function heading({ words }: Payload): HTMLElement {
  const shade = el("button", { type: "button", title: "light or dark" }, "Light / dark");
  shade.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = getComputedStyle(root).getPropertyValue("--dark").trim() === "1";
    root.dataset.theme = dark ? "light" : "dark";
    themeChanged();
    root.dispatchEvent(new CustomEvent("theme"));
  });
  const print = el("button", { type: "button", click: () => window.print() }, "Print");
  const lines = (words.head as string[]).filter(Boolean).map((line) => el("p", {}, line));
  return el("header", { class: "top" }, el("div", {}, el("h1", {}, tame(words.title, 160)), ...lines), el("div", { class: "tools" }, shade, print));
}

export function footing({ words }: Payload): HTMLElement {
  const foot = el("footer", {});
  for (const line of (words.foot as string[]).filter(Boolean)) foot.append(el("p", {}, line));
  const notes = words.notes as string[];
  if (notes.length) foot.append(el("h2", {}, "What this page leaves out"), el("ul", { class: "notes" }, ...notes.map((note) => el("li", {}, note))));
  foot.append(el("p", { class: "soft" }, "Made by geomsup; this page is one file and needs no network."));
  return foot;
}

// Find a feature by its number or by part of its label.
export function search(model: Named, choose: (feature: number) => void): HTMLElement {
  const input = el("input", {
    type: "search", placeholder: "feature or label", "aria-label": "Find a feature", role: "combobox",
    "aria-expanded": "false", "aria-controls": "found", "aria-autocomplete": "list",
  });
  const list = el("ul", { id: "found", role: "listbox", hidden: true, "aria-label": "Features found" });
  let found: number[] = [], at = -1;
  const lower: string[] = [];
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  };
  const take = (k: number) => {
    if (found[k] === undefined) return;
    choose(found[k]);
    close();
  };
  const mark = (k: number) => {
    at = k;
    list.querySelectorAll("li").forEach((item, m) => item.setAttribute("aria-selected", String(m === k)));
    input.setAttribute("aria-activedescendant", k >= 0 ? `found-${k}` : "");
  };
  const look = () => {
    const query = input.value.trim().toLowerCase();
    found = [];
    if (query) {
      const exact = /^\d+$/.test(query) ? model.position(Number(query)) : -1;
      if (exact >= 0) found.push(exact);
      if (!lower.length) for (let i = 0; i < model.n; i++) lower.push(model.raw(i).toLowerCase());
      for (let i = 0; i < model.n && found.length < MOST_FOUND; i++) if (i !== exact && lower[i].includes(query)) found.push(i);
    }
    list.replaceChildren(...found.map((i, k) => {
      const item = el("li", { role: "option", id: `found-${k}` }, el("span", { class: "soft" }, `${model.number(i)} `), el("bdi", {}, tame(model.raw(i), 60)));
      item.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        take(k);
      });
      return item;
    }));
    if (query && !found.length) list.append(el("li", { class: "soft" }, "no such feature"));
    list.hidden = !query;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(found.length ? 0 : -1);
  };
  input.addEventListener("input", look);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") mark(Math.min(found.length - 1, at + 1));
    else if (event.key === "ArrowUp") mark(Math.max(0, at - 1));
    else if (event.key === "Enter") take(at);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  return el("div", { class: "search" }, input, list);
}

export function slider(name: string, most: number, act: (value: number) => void): { root: HTMLElement; input: HTMLInputElement; said: HTMLOutputElement } {
  const input = el("input", { type: "range", min: 0, max: most, step: 1, "aria-label": name });
  const said = el("output", {});
  input.addEventListener("input", () => act(Number(input.value)));
  return { root: el("label", { class: "slide" }, el("span", {}, name), input, said), input, said };
}

export const quoted = (model: Named, i: number) => {
  const label = tame(model.raw(i), 40);
  return label ? `${model.number(i)} ${isolated(label)}` : String(model.number(i));
};

// Redraw all when the ground changes, and for paper.
export function dressed(panels: Panel[], more: () => void = () => {}): void {
  const again = () => {
    themeChanged();
    more();
    for (const panel of panels) panel.now();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  document.documentElement.addEventListener("theme", again);
  let before: string | undefined;
  window.addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    again();
    for (const panel of panels) panel.print(true);
  });
  window.addEventListener("afterprint", () => {
    if (before === undefined) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = before;
    for (const panel of panels) panel.print(false);
    again();
  });
}
