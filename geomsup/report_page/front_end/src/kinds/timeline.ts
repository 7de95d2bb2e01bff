// The page of a timeline: payload of timeline.py.

import { dressed, footing, heading, quoted, search, slider, type Named } from "../chrome";
import { PALETTE, visible } from "../colours";
import { Curves, stepped, type Course, type Curve, type Plot, type Span } from "../curves";
import { count, el, fixed, tame } from "../dom";
import type { Panel } from "../panel";
import type { Numbers, Payload } from "../payload";
import { Solid, pairsOf, type Scene } from "../solid";
import { Store } from "../store";
import { Table, tabs, type Listing } from "../table";

// A stretch with one name; the step from which its features have their full length, if they come to have it.
interface Formed extends Span { stored: number | null }
interface Happened { kind: string; start: number; stop: number; text: string }

// Pairs with a smaller |cosine| are not drawn; a feature shorter than this share of the longest is none.
const LEAST = 0.2, DROPPED = 0.1;
// A whole training in eight seconds, if the screen can.
const PLAYED_MS = 8000, SHORTEST_MS = 30;

export function timeline(payload: Payload, root: HTMLElement): void {
  new Way(payload).mount(root);
}

class Way {
  private readonly store = new Store();
  private readonly step: Numbers;
  private readonly norm: Numbers;
  private readonly level: Numbers;
  private readonly records: number;
  private readonly n: number;
  private readonly named: Named;
  private readonly spans: Formed[];
  private readonly events: Happened[];
  private readonly plots: Curves[];
  private readonly solid: Solid | null;
  private readonly reach: number;
  private scene: Scene | null = null;

  constructor(private readonly payload: Payload) {
    const { words, arrays } = payload, labels = words.labels as string[] | null;
    [this.step, this.norm, this.level] = [arrays.step, arrays.norm, arrays.level];
    this.records = this.step.length;
    const n = (this.n = this.level.length / this.records);
    this.store.now.step = this.records - 1;
    this.named = {
      n, number: (i) => i, position: (i) => (i < n ? i : -1), raw: (i) => labels?.[i] ?? "",
      called: (i, most = 24) => tame(labels?.[i] ?? "", most) || String(i),
    };
    this.spans = words.spans;
    this.events = words.events;
    this.reach = largest(this.norm);
    this.plots = this.allCurves();
    this.solid = words.axes ? this.shape() : null;
  }

  mount(root: HTMLElement): void {
    const { store, payload, solid } = this;
    const at = slider("step", this.records - 1, (value) => store.set({ step: value }));
    const name = el("p", { class: "name", role: "status", "aria-live": "polite" });
    const readout = el("p", { class: "readout" });
    const tables = this.listings().map((one) => new Table(one));
    const bar = el("div", { class: "bar" }, search(this.named, (feature) => store.set({ feature })), at.root, this.play(), name, readout);
    const [levels, ...others] = this.plots.map((one) => one.panel.root);
    root.replaceChildren(heading(payload), bar, el("div", { class: "grid" },
      ...(solid ? [solid.panel.root] : []), levels, tabs(tables).root, ...others), footing(payload));
    const told = () => {
      const now = store.now.step, i = store.focus, step = count(this.step[now]);
      at.input.value = String(now);
      at.said.textContent = step;
      at.input.setAttribute("aria-valuetext", `step ${step}: ${this.nameAt(now)}`);
      name.textContent = this.nameAt(now);
      readout.textContent = i < 0 ? "" : `feature ${quoted(this.named, i)}: norm ${fixed(this.norm[now * this.n + i])}, level ${fixed(this.level[now * this.n + i])}`;
      if (solid) solid.panel.title = `${this.nameAt(now) || "The features"}, step ${step}`;
      this.look();
    };
    const panels: Panel[] = [...this.plots.map((one) => one.panel), ...(solid ? [solid.panel] : [])];
    store.listen((changed) => {
      told();
      for (const panel of panels) panel.now();
      if (changed.has("step")) for (const table of tables) if (!table.root.hidden) table.refresh();
    });
    dressed(panels, () => tables.forEach((table) => table.refresh()));
    told();
  }

  private color(i: number): string {
    return visible(PALETTE[i % PALETTE.length]);
  }

  private nameAt(record: number): string {
    return this.payload.words.names[record];
  }

  private allCurves(): Curves[] {
    const { store, n, step } = this, { loss } = this.payload.arrays;
    const course: Course = {
      ...stepped(step), now: () => store.now.step, focus: () => store.focus, shade: visible,
      move: (record) => store.set({ step: record }), hover: (feature) => store.set({ hover: feature }),
    };
    const curves = (values: Numbers) => Array.from({ length: n }, (_, i): Curve => ({
      values: (k) => values[k * n + i], color: () => this.color(i), name: this.named.called(i), feature: i,
    }));
    const drops = this.events.filter((one) => one.kind === "loss drop");
    const losses: Curve = { values: (k) => loss[k], color: () => visible("#222222"), name: "loss", feature: -2 };
    const plots: Plot[] = [
      { title: "Levels: D, where a feature is stored", file: "levels", height: 300, label: "level", curves: curves(this.level), spans: this.spans, bands: drops },
      { title: "Loss", file: "loss", height: 220, label: "loss", logValues: true, spans: [], bands: drops, curves: [losses] },
      { title: "Norms", file: "norms", height: 220, label: "norm", spans: [], bands: [], curves: curves(this.norm) },
    ];
    const known = loss.some((value) => Number.isFinite(value));
    return plots.filter(({ file }) => known || file !== "loss").map((plot) => new Curves(course, plot));
  }

  private shape(): Solid {
    const { store, n } = this;
    return new Solid(
      {
        title: "The features", file: "shape", height: 430,
        described: () => `step ${count(this.step[store.now.step])}: ${this.nameAt(store.now.step) || "not named"}`,
        table: () => ({
          header: ["feature", "norm", "level"],
          rows: Array.from({ length: n }, (_, i) => [this.named.called(i), fixed(this.norm[store.now.step * n + i]), fixed(this.level[store.now.step * n + i])]),
        }),
        help: "Drag, pinch or use the arrow keys to turn. Solid lines: positive cosine; dashed: negative.",
      },
      () => this.scene, () => store.focus, (feature, click) => store.set(click ? { feature } : { hover: feature }), false,
    );
  }

  // Where features are at a record, in a picture whose scale stays.
  private look(): void {
    if (!this.solid) return;
    const { n, norm } = this, record = this.store.now.step, axes = this.payload.words.axes as number;
    const points = this.payload.arrays.points.subarray(record * n * axes, (record + 1) * n * axes);
    const own = norm.subarray(record * n, (record + 1) * n);
    const [pairs, cosines] = pairsOf(points, axes, own, DROPPED, LEAST);
    this.scene = {
      features: Array.from({ length: n }, (_, i) => i), axes, points, ideal: null, length: 1, pairs, cosines, reach: this.reach,
      color: (i) => this.color(i), label: (i) => this.named.called(i),
    };
  }

  private play(): HTMLElement {
    const { store, records } = this;
    const button = el("button", { type: "button", "aria-pressed": "false" }, "Play");
    let timer = 0;
    button.addEventListener("click", () => {
      const stops = timer !== 0;
      window.clearInterval(timer);
      timer = 0;
      button.setAttribute("aria-pressed", String(!stops));
      if (stops) return;
      if (store.now.step >= records - 1) store.set({ step: 0 });
      timer = window.setInterval(() => {
        if (store.now.step >= records - 1) button.click();
        else store.set({ step: store.now.step + 1 });
      }, Math.max(SHORTEST_MS, PLAYED_MS / records));
    });
    return button;
  }

  private listings(): Listing[] {
    const { spans, events, step, store } = this;
    const number = (name: string, of: (row: number) => number) => ({ name, text: (row: number) => count(of(row)), key: of });
    const words = (name: string, of: (row: number) => string) => ({ name, left: true, text: of, key: of });
    const common = (rows: { start: number; stop: number }[]) => ({
      n: rows.length,
      chosen: () => rows.findIndex((row) => row.start <= step[store.now.step] && step[store.now.step] <= row.stop),
      choose: (row: number) => store.set({ step: Math.max(0, step.findIndex((one) => one >= rows[row].start)) }),
    });
    return [
      {
        name: "Shapes", help: "A name is a statement about angles: a shape is named from the step at which its angles are right, and is there in full once its features have their length.", file: "shapes", ...common(spans),
        columns: [
          words("name", (k) => spans[k].name),
          { ...number("named from step", (k) => spans[k].start), meaning: "the first record whose angles are those of the shape, however short its features are" },
          {
            name: "full length from step", meaning: "the first record from which every feature of the shape has nine tenths of its squared length, for the rest of the stretch",
            text: (k) => (spans[k].stored === null ? "not in this stretch" : count(spans[k].stored)), key: (k) => spans[k].stored,
          },
          number("to step", (k) => spans[k].stop),
        ],
        search: (k) => spans[k].name.toLowerCase(), color: (k) => visible(spans[k].color),
      },
      {
        name: "Events", file: "events", ...common(events),
        columns: [
          words("what", (k) => events[k].kind), number("from step", (k) => events[k].start),
          number("to step", (k) => events[k].stop), words("in words", (k) => events[k].text),
        ],
        search: (k) => `${events[k].kind} ${events[k].text}`.toLowerCase(),
      },
    ];
  }
}

function largest(values: ArrayLike<number>): number {
  let most = 1e-9;
  for (let k = 0; k < values.length; k++) most = Math.max(most, values[k]);
  return most;
}
