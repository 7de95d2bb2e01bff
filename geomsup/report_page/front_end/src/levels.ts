// Dimensionality of every feature, in the order of the forest, so that members stand together.

import { theme } from "./colours";
import { fixed, short } from "./dom";
import type { Order } from "./forest";
import type { Model } from "./model";
import { SMALLEST, type Painter } from "./paint";
import { Panel, decades, nearest, placeOf, ticks } from "./panel";
import type { Store } from "./store";

const LEFT = 58, TOP = 14, BOTTOM = 28;
// Room for the names of levels, where there are any.
const NAMED = 84, UNNAMED = 14;
// Shapes with one dimensionality for all of their vertices, those first that are told by name where two are close.
const LEVELS: [number, string][] = [[1, "alone"], [1 / 2, "digon"], [2 / 5, "pentagon"], [3 / 4, "tetrahedron"], [2 / 3, "triangle"], [3 / 8, "antiprism"]];
// More points than this are squares of two pixels, which cost less.
const MANY = 4000;

export class Levels {
  readonly panel: Panel;
  private places = new Float32Array(0);
  private readonly low: number;
  private readonly high: number;

  private readonly order: Int32Array;
  private readonly squeezed: boolean;

  constructor(private readonly model: Model, private readonly store: Store, forest: Order) {
    const rest = Array.from(model.owner.keys()).filter((i) => model.owner[i] > -2 && forest.place[i] < 0);
    const order = (this.order = Int32Array.from([...forest.leaves, ...rest]));
    [this.low, this.high] = [Infinity, 0];
    for (const i of order) [this.low, this.high] = [Math.min(this.low, model.level[i]), Math.max(this.high, model.level[i])];
    const sorted = Float32Array.from(order, (i) => model.level[i]).sort();
    this.squeezed = sorted.length > 0 && sorted[sorted.length >> 1] < 0.2 * this.high;
    this.panel = new Panel({
      title: "Dimensionality", file: "dimensionality", height: 260,
      described: () => `D of ${order.length} features, from ${fixed(this.low)} to ${fixed(this.high)}`,
      table: () => ({
        header: ["feature", "dimensionality", "norm", "in"],
        rows: Array.from(order, (i) => [model.called(i), fixed(model.level[i], 4), fixed(model.norm[i], 4), model.where(i)]),
      }),
      draw: (painter) => this.draw(painter),
      help: "Each dot is a feature, in the order of the forest: structures stand together." + (this.squeezed ? " The axis is logarithmic." : ""),
    });
    const canvas = this.panel.canvas;
    const found = (event: PointerEvent) => {
      const k = nearest(...placeOf(event, canvas), this.places, 12);
      return k < 0 ? -1 : order[k];
    };
    canvas.addEventListener("pointermove", (event) => store.set({ hover: found(event) }));
    canvas.addEventListener("pointerleave", () => store.set({ hover: -1 }));
    canvas.addEventListener("click", (event) => {
      const i = found(event as PointerEvent);
      if (i >= 0) store.set({ feature: i, group: Math.max(-1, model.owner[i]) });
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step || !order.length) return;
      event.preventDefault();
      const i = order[Math.min(order.length - 1, Math.max(0, order.indexOf(store.now.feature) + step))];
      store.set({ feature: i, group: Math.max(-1, model.owner[i]) });
    });
  }

  private draw(painter: Painter): void {
    const inks = theme(), { model, order } = this, { width, height } = painter;
    // All levels that shapes have, but where every feature is far below them.
    const top = this.high < 0.25 ? Math.max(1e-6, 1.1 * this.high) : Math.max(1, Math.min(1.2, this.high));
    // Where most features are far below the highest, a linear axis would press them into a line.
    const least = Math.max(this.low, 1e-4 * top) / 1.15;
    const share = this.squeezed ? (d: number) => Math.max(0, Math.log(Math.max(d, least) / least) / Math.log(top / least)) : (d: number) => d / top;
    const levels = LEVELS.filter(([level]) => level <= top && !(this.squeezed && level < least));
    const right = levels.length ? NAMED : UNNAMED;
    const y = (d: number) => height - BOTTOM - share(Math.min(d, top)) * (height - TOP - BOTTOM);
    const x = (k: number) => LEFT + ((k + 0.5) / Math.max(1, order.length)) * (width - LEFT - right);
    for (const tick of this.squeezed ? decades(least, top) : ticks(0, top, 4)) {
      painter.segments([LEFT, y(tick), width - right, y(tick)], { color: inks.faint });
      painter.text(LEFT - 6, y(tick), short(tick), { size: SMALLEST, color: inks.soft, align: "right" });
    }
    const taken: number[] = [];
    for (const [level, name] of levels) {
      painter.segments([LEFT, y(level), width - right, y(level)], { color: inks.line, dash: [2, 4] });
      if (taken.some((at) => Math.abs(at - y(level)) < 12)) continue;
      painter.text(width - right + 4, y(level), name, { size: SMALLEST, color: inks.soft });
      taken.push(y(level));
    }
    painter.text(12, (height - BOTTOM) / 2, "D", { size: SMALLEST, color: inks.soft, align: "center" });
    painter.text((LEFT + width - right) / 2, height - 10, "features, in the order of the forest", { size: SMALLEST, color: inks.soft, align: "center" });
    const cut = model.cut(this.store.now.cut);
    const places = new Float32Array(2 * order.length);
    const byColor = new Map<string, number[]>();
    order.forEach((i, k) => {
      places[2 * k] = x(k);
      places[2 * k + 1] = y(model.level[i]);
      const color = model.color(i, cut);
      let into = byColor.get(color);
      if (!into) byColor.set(color, (into = []));
      into.push(places[2 * k], places[2 * k + 1]);
    });
    this.places = places;
    const radius = order.length > MANY ? 1 : order.length > 300 ? 2.2 : 4;
    // What is rare on top, and larger in a crowd.
    for (const [color, at] of [...byColor].sort((a, b) => b[1].length - a[1].length)) {
      painter.dots(at, order.length > MANY && 20 * at.length < order.length ? 2 * radius : radius, color);
    }
    const place = order.indexOf(this.store.focus);
    if (place < 0) return;
    const [fx, fy] = [places[2 * place], places[2 * place + 1]];
    painter.dots([fx, fy], radius + 4, inks.ink);
    painter.dots([fx, fy], radius + 2, model.color(this.store.focus, cut), inks.ground);
    const text = `${model.called(this.store.focus)}: ${fixed(model.level[this.store.focus])}`;
    const half = painter.measure(text, 12) / 2 + 4;
    painter.text(Math.min(width - half, Math.max(half, fx)), fy < 34 ? fy + 18 : fy - 16, text, { bold: true, halo: true, align: "center" });
  }
}
