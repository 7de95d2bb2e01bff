// The merge forest: leaves along the bottom, joined at the |cosine| at which they hang together.

import { theme } from "./colours";
import { fixed } from "./dom";
import type { Model } from "./model";
import { SMALLEST, type Painter } from "./paint";
import { Panel, placeOf } from "./panel";
import type { Store } from "./store";

const LEFT = 46, RIGHT = 12, TOP = 12, BOTTOM = 30;
// Of brackets narrower than this, one stroke for each pixel, as high as the highest there.
const NARROW = 0.8;

// Leaves in an order in which no two brackets cross, and the brackets over them.
export class Order {
  readonly leaves: Int32Array;
  readonly place: Float32Array; // of each feature, or -1
  readonly left: Float32Array; // of each merge: where its two stems stand …
  readonly right: Float32Array;
  readonly under: Float32Array; // … and how deep they reach: two for each merge
  readonly leaf: Int32Array; // a feature below each merge

  constructor(model: Model, roots: number[]) {
    const { merges, heights, n } = model;
    const m = heights.length;
    const node = Int32Array.from({ length: n }, (_, i) => i); // top node of each set
    const parent = Int32Array.from({ length: n }, (_, i) => i);
    const root = (i: number) => {
      while (parent[i] !== i) i = parent[i] = parent[parent[i]];
      return i;
    };
    const children = new Int32Array(2 * m).fill(-1);
    const size = new Int32Array(n + m).fill(1);
    const top = new Uint8Array(n + m).fill(1);
    for (let k = 0; k < m; k++) {
      const [a, b] = [root(merges[2 * k]), root(merges[2 * k + 1])];
      if (a === b) continue;
      const [x, y] = size[node[a]] >= size[node[b]] ? [node[a], node[b]] : [node[b], node[a]];
      children[2 * k] = x;
      children[2 * k + 1] = y;
      size[n + k] = size[x] + size[y];
      top[x] = top[y] = 0;
      parent[b] = a;
      node[a] = n + k;
    }
    const leaves: number[] = [];
    const place = new Float32Array(n).fill(-1);
    const done = new Uint8Array(n + m);
    for (const first of roots) {
      const stack = [node[root(first)]];
      while (stack.length) {
        const one = stack.pop()!;
        if (done[one]) continue;
        done[one] = 1;
        if (one < n) {
          place[one] = leaves.length;
          leaves.push(one);
        } else stack.push(children[2 * (one - n) + 1], children[2 * (one - n)]);
      }
    }
    this.leaves = Int32Array.from(leaves);
    this.place = place;
    this.left = new Float32Array(m);
    this.right = new Float32Array(m);
    this.under = new Float32Array(2 * m);
    this.leaf = new Int32Array(m);
    const middle = (one: number) => (one < n ? place[one] : (this.left[one - n] + this.right[one - n]) / 2);
    for (let k = 0; k < m; k++) {
      const [x, y] = [children[2 * k], children[2 * k + 1]];
      if (x < 0) continue;
      this.left[k] = middle(x);
      this.right[k] = middle(y);
      this.under[2 * k] = x < n ? 1 : heights[x - n];
      this.under[2 * k + 1] = y < n ? 1 : heights[y - n];
      this.leaf[k] = x < n ? x : this.leaf[x - n];
    }
  }
}

export class Forest {
  readonly panel: Panel;
  readonly order: Order;
  private only = -1; // a group that is looked at by itself
  private from = 0;
  private to = 1;

  constructor(private readonly model: Model, private readonly store: Store, whole: boolean) {
    // Components first, then what only merges below; a feature that never merges is no part of a forest.
    const roots = model.groups.flatMap((group) => Array.from(group.members));
    for (const i of model.merges) if (model.owner[i] < 0) roots.push(i);
    this.order = new Order(model, roots);
    this.panel = new Panel({
      title: "Merge forest", file: "merge_forest", height: 300,
      described: () => this.described(),
      table: () => this.table(),
      draw: (painter) => this.draw(painter),
      help: "Two branches meet at the |cosine| at which they hang together. Drag the line, or move the slider above: everything is coloured by the sets that hang together there."
        + (whole ? "" : " Structures of the report are not joined here."),
    });
    this.pointers();
    this.look(-1);
  }

  look(group: number): void {
    this.only = group;
    [this.from, this.to] = [0, Math.max(1, this.order.leaves.length)];
    if (group >= 0) {
      const places = Array.from(this.model.groups[group].members, (i) => this.order.place[i]).filter((p) => p >= 0);
      // A loop, because so many arguments may be too many.
      let [low, high] = [Infinity, -Infinity];
      for (const p of places) [low, high] = [Math.min(low, p), Math.max(high, p + 1)];
      const room = Math.max(1, 0.15 * (high - low));
      if (places.length) [this.from, this.to] = [Math.max(0, low - room), Math.min(this.to, high + room)];
    }
    this.panel.refresh();
  }

  get cut(): number {
    return this.store.now.cut ?? this.model.payload.words.cut;
  }

  private x(place: number, width: number): number {
    return LEFT + ((place + 0.5 - this.from) / (this.to - this.from)) * (width - LEFT - RIGHT);
  }

  private y(height: number, tall: number): number {
    return tall - BOTTOM - (1 - height) * (tall - TOP - BOTTOM);
  }

  private pointers(): void {
    const canvas = this.panel.canvas;
    let dragging = false;
    const cutAt = (event: PointerEvent) => {
      const { height } = this.panel.size;
      const value = 1 - (height - BOTTOM - placeOf(event, canvas)[1]) / (height - TOP - BOTTOM);
      this.store.set({ cut: Math.min(1, Math.max(0, value)) });
    };
    const leafAt = (event: PointerEvent) => {
      const { width } = this.panel.size;
      const place = this.from + ((placeOf(event, canvas)[0] - LEFT) / (width - LEFT - RIGHT)) * (this.to - this.from);
      return this.order.leaves[Math.floor(place)] ?? -1;
    };
    canvas.addEventListener("pointerdown", (event) => {
      const gap = Math.abs(placeOf(event, canvas)[1] - this.y(this.cut, this.panel.size.height));
      dragging = gap < 12;
      if (dragging) canvas.setPointerCapture(event.pointerId);
      else {
        const leaf = leafAt(event);
        if (leaf >= 0) this.store.set({ feature: leaf, group: Math.max(this.model.owner[leaf], -1) });
      }
    });
    canvas.addEventListener("pointermove", (event) => {
      if (dragging) cutAt(event);
      else {
        this.store.set({ hover: leafAt(event) });
        const gap = Math.abs(placeOf(event, canvas)[1] - this.y(this.cut, this.panel.size.height));
        canvas.style.cursor = gap < 12 ? "row-resize" : "crosshair";
      }
    });
    canvas.addEventListener("pointerup", () => (dragging = false));
    canvas.addEventListener("pointerleave", () => this.store.set({ hover: -1 }));
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -0.01, ArrowDown: 0.01 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.store.set({ cut: Math.min(1, Math.max(0, this.cut + step)) });
    });
  }

  private described(): string {
    const cut = this.model.cut(this.store.now.cut);
    const at = this.store.now.cut === null ? "as in the report" : `at |cosine| ${fixed(this.store.now.cut, 3)}`;
    return `${this.model.heights.length} merges of ${this.model.n} features; ${cut.n} sets of two or more, ${at}`;
  }

  private table() {
    const { model } = this;
    const rows: (string | number)[][] = [];
    for (let k = 0; k < model.heights.length; k++) {
      const [a, b] = [model.merges[2 * k], model.merges[2 * k + 1]];
      if (this.only >= 0 && model.owner[a] !== this.only && model.owner[b] !== this.only) continue;
      rows.push([fixed(model.heights[k], 4), model.called(a), model.called(b), model.where(a), model.where(b)]);
    }
    return { header: ["|cosine|", "feature", "joins", "in", "and in"], rows };
  }

  private draw(painter: Painter): void {
    const inks = theme(), { model, order } = this, { width, height } = painter;
    const cut = model.cut(this.store.now.cut), line = this.cut;
    if (!model.heights.length) painter.text(width / 2, height / 2 - 40, "nothing merges", { color: inks.soft, align: "center", size: 13 });
    for (const tick of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
      const y = this.y(tick, height);
      painter.segments([LEFT, y, width - RIGHT, y], { color: inks.faint });
      painter.text(LEFT - 6, y, tick.toFixed(1), { size: SMALLEST, color: inks.soft, align: "right" });
    }
    painter.text(12, height / 2 - 10, "|cosine|", { size: SMALLEST, color: inks.soft, align: "center", turn: -Math.PI / 2 });
    const unit = (width - LEFT - RIGHT) / (this.to - this.from);
    const byColor = new Map<string, number[]>();
    const above: number[] = [];
    const strokesOf = (k: number) => {
      if (model.heights[k] < line - 1e-9) return above;
      const color = model.color(order.leaf[k], cut);
      let into = byColor.get(color);
      if (!into) byColor.set(color, (into = []));
      return into;
    };
    const highest = new Int32Array(Math.ceil(width) + 1).fill(-1); // merge of each pixel
    for (let k = 0; k < model.heights.length; k++) {
      const [l, r] = [Math.min(order.left[k], order.right[k]), Math.max(order.left[k], order.right[k])];
      if (r < this.from - 1 || l > this.to + 1) continue;
      const [x1, x2] = [this.x(order.left[k], width), this.x(order.right[k], width)];
      if ((r - l) * unit < NARROW) {
        // Merges come from the strongest to the weakest: the last one is the highest.
        if (x1 > LEFT && x1 < width) highest[Math.round(x1)] = k;
        continue;
      }
      const y = this.y(model.heights[k], height);
      strokesOf(k).push(x1, this.y(order.under[2 * k], height), x1, y, x1, y, x2, y, x2, y, x2, this.y(order.under[2 * k + 1], height));
    }
    highest.forEach((k, x) => {
      if (k >= 0) strokesOf(k).push(x, this.y(model.heights[k], height), x, this.y(1, height));
    });
    painter.segments(above, { color: inks.line, width: 1.2 });
    for (const [color, ends] of byColor) painter.segments(ends, { color, width: unit > 3 ? 2 : 1.2 });
    this.drawLeaves(painter, unit);
    const y = this.y(line, height);
    painter.segments([LEFT, y, width - RIGHT, y], { color: inks.ink, width: 1.5, dash: this.store.now.cut === null ? [3, 3] : [] });
    painter.text(width - RIGHT - 2, y < TOP + 14 ? y + 10 : y - 9, this.store.now.cut === null ? `report: ${fixed(line, 3)}` : fixed(line, 3), { size: SMALLEST, align: "right", halo: true, bold: true });
  }

  private drawLeaves(painter: Painter, unit: number): void {
    const inks = theme(), { model, order } = this, { width, height } = painter;
    const cut = model.cut(this.store.now.cut), focus = this.store.focus;
    const ground = height - BOTTOM + 3;
    const [first, last] = [Math.max(0, Math.floor(this.from)), Math.min(order.leaves.length, Math.ceil(this.to))];
    // At most one stroke for each pixel; runs of one colour are one box.
    const stride = Math.max(1, Math.floor(1 / unit));
    let start = first;
    for (let k = first; k < last; k += stride) {
      const color = model.color(order.leaves[k], cut);
      const next = k + stride;
      if (next < last && model.color(order.leaves[next], cut) === color) continue;
      const x = this.x(start - 0.5, width), end = this.x(Math.min(next, last) - 0.5, width);
      if (x < width && end > LEFT) painter.box(Math.max(LEFT, x), ground, Math.max(0.5, Math.min(end, width - RIGHT) - Math.max(LEFT, x)), 5, color);
      start = next;
    }
    if (focus >= 0 && order.place[focus] >= this.from - 0.5 && order.place[focus] <= this.to) {
      const x = this.x(order.place[focus], width);
      painter.segments([x, TOP, x, height - BOTTOM + 8], { color: inks.ink, width: 1, dash: [2, 2] });
      const text = model.called(focus);
      const half = painter.measure(text, 12) / 2 + 3;
      painter.text(Math.min(width - half, Math.max(half, x)), height - 9, text, { size: 12, align: "center", bold: true, halo: true });
      return;
    }
    if (unit < 14) return;
    let free = LEFT;
    for (let k = first; k < last; k++) {
      const text = model.called(order.leaves[k], 10), x = this.x(k, width), half = painter.measure(text, SMALLEST) / 2 + 2;
      if (x - half < free || x + half > width) continue;
      painter.text(x, height - 9, text, { size: SMALLEST, align: "center", color: inks.soft });
      free = x + half;
    }
  }
}

