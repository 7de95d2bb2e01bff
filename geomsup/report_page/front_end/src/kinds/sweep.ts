// The page of a sweep: payload of sweep.py.

import { dressed, footing, heading } from "../chrome";
import { counted, el, tame } from "../dom";
import type { Numbers, Payload } from "../payload";
import { Scatter, type Cloud } from "../scatter";
import { Store } from "../store";
import { Table, tabs, type Listing } from "../table";

interface Field { name: string; number: boolean; setting: boolean }

// Digits of a number in a table, and of one that is saved: as exact as it was.
const SHOWN = 6, EXACT = 15;
const written = (x: number, digits: number) => (Number.isFinite(x) ? String(+x.toPrecision(digits)) : "");
// Letters of the name of a task in a table.
const ID = 12;

export function sweep(payload: Payload, root: HTMLElement): void {
  const { words, arrays } = payload, store = new Store();
  const fields = words.columns as Field[], n = words.n as number;
  const numbers = new Map<string, Numbers>();
  fields.forEach(({ name, number }, k) => number && numbers.set(name, arrays[`column_${k}`]));
  const text = (name: string, row: number, digits = SHOWN) => (numbers.has(name) ? written(numbers.get(name)![row], digits) : words.texts[name][row] as string);
  const axis = { x: words.x as string, y: words.y as string, by: words.by as string };
  const nothing = new Float64Array(n).fill(NaN);

  const cloud = (): Cloud => {
    const groups = new Map<string, number>();
    const group = Int32Array.from({ length: n }, (_, row) => {
      const name = axis.by ? `${axis.by} = ${text(axis.by, row) || "–"}` : "";
      if (!groups.has(name)) groups.set(name, groups.size);
      return groups.get(name)!;
    });
    return { x: numbers.get(axis.x) ?? nothing, y: numbers.get(axis.y) ?? nothing, group, names: [...groups.keys()], axes: [axis.x, axis.y] };
  };
  // Settings that differ among tasks which the plot puts together.
  const pooled = () => fields.filter(({ name, setting }) => {
    if (!setting || name === axis.x || name === axis.by) return false;
    const found = new Map<string, string>();
    for (let row = 0; row < n; row++) {
      const place = `${text(axis.x, row)}\n${axis.by && text(axis.by, row)}`, value = text(name, row);
      if ((found.get(place) ?? value) !== value) return true;
      found.set(place, value);
    }
    return false;
  }).map(({ name }) => name);

  let shown = cloud();
  const plot = new Scatter(shown, () => store.focus, (hover) => store.set({ hover }), (feature) => store.set({ feature }));
  const said = el("p", { class: "soft", role: "status" });
  const readout = el("p", { class: "readout" });
  const choice = (what: "x" | "y" | "by", names: string[]) => {
    const select = el("select", { "aria-label": { x: "Horizontal axis", y: "Vertical axis", by: "A line for each" }[what] });
    for (const name of names) select.append(el("option", { value: name }, name ? tame(name, 40) : "all together"));
    select.value = axis[what];
    select.addEventListener("change", () => {
      axis[what] = select.value;
      again();
    });
    return el("label", { class: "choice" }, el("span", {}, { x: "x", y: "y", by: "a line for each" }[what]), select);
  };
  const listing: Listing = {
    name: "Tasks", file: "tasks", n,
    columns: fields.map(({ name, number }) => ({
      name: tame(name, 30), left: !number, label: !number, text: (row) => (name === "id" ? text(name, row).slice(0, ID) : text(name, row)),
      key: number ? (row) => (Number.isFinite(numbers.get(name)![row]) ? numbers.get(name)![row] : null) : (row) => text(name, row) || null,
    })),
    search: (row) => fields.map(({ name }) => text(name, row)).join(" ").toLowerCase(),
    color: (row) => plot.color(shown.group[row]),
    chosen: () => store.now.feature, choose: (feature) => store.set({ feature }), hover: (hover) => store.set({ hover }), near: () => store.now.hover,
    whole: (row) => fields.map(({ name }) => text(name, row, EXACT)),
  };
  const table = new Table(listing);
  const again = () => {
    plot.show((shown = cloud()));
    const together = pooled();
    said.textContent = together.length ? `Pooled over ${together.join(", ")}: “a line for each” tells them apart.` : "";
    table.recolour();
    table.refresh();
  };
  const axes = fields.filter(({ number }) => number).map(({ name }) => name);
  const by = fields.map(({ name }) => name).filter((name) => name !== "id");
  const bar = el("div", { class: "bar" }, choice("x", axes), choice("y", axes), choice("by", ["", ...by]), readout);
  root.replaceChildren(heading(payload), bar, el("div", { class: "grid" },
    el("div", { class: "wide" }, plot.panel.root), tabs([table]).root, same(words.same)), footing(payload));
  plot.panel.root.append(said);
  store.listen((changed) => {
    const row = store.focus;
    readout.textContent = row < 0 ? "" : [axis.x, axis.y, axis.by].filter(Boolean).map((name) => `${tame(name, 40)} ${tame(text(name, row))}`).join(", ");
    plot.panel.now();
    if (changed.has("feature")) table.reveal();
    if (changed.has("hover")) table.touch();
  });
  dressed([plot.panel], () => table.refresh());
  window.addEventListener("beforeprint", () => table.print(true));
  window.addEventListener("afterprint", () => table.print(false));
  again();
}

// What does not tell tasks apart is no column.
function same(fields: [string, string][]): HTMLElement {
  const lines = fields.map(([name, value]) => el("div", {}, el("dt", {}, tame(name, 40)), el("dd", {}, el("bdi", {}, value ? tame(value, 200) : "–"))));
  return el("section", { class: "card wide", "aria-label": "The same in all" }, el("h2", {}, `The same in all tasks (${counted(fields.length, "column")})`), el("dl", { class: "many" }, ...lines));
}
