// Cosines between the features of one component.

import { diverging, theme } from "./colours";
import { fixed } from "./dom";
import type { Group, Model } from "./model";
import { SMALLEST, clipped, type Painter } from "./paint";
import { Panel, placeOf } from "./panel";
import type { Store } from "./store";

const MARGIN = 64;
const MOST = 160;

export class Cosines {
  readonly panel: Panel;
  private group: Group | null = null;
  private shown: number[] = [];
  private values: Float32Array = new Float32Array(0);
  private box = { x: 0, y: 0, cell: 1 };
  private other = -1;

  constructor(private readonly model: Model, private readonly store: Store) {
    this.panel = new Panel({
      title: "Cosines", file: "cosines", height: 340,
      described: () => (this.group ? `cosines of ${this.shown.length} features of ${this.group.label}` : "no component is chosen"),
      table: () => ({
        header: ["", ...this.shown.map((m) => model.called(this.group!.members[m]))],
        rows: this.shown.map((m, r) => [model.called(this.group!.members[m]), ...this.shown.map((_, c) => fixed(this.values[r * this.shown.length + c], 3))]),
      }),
      draw: (painter) => this.draw(painter),
    });
    const canvas = this.panel.canvas;
    canvas.addEventListener("pointermove", (event) => {
      const [row, column] = this.at(event);
      this.other = row === column ? -1 : column;
      store.set({ hover: row < 0 ? -1 : this.group!.members[this.shown[row]] });
      this.panel.refresh();
    });
    canvas.addEventListener("pointerleave", () => {
      this.other = -1;
      store.set({ hover: -1 });
    });
    canvas.addEventListener("click", (event) => {
      const [row] = this.at(event as PointerEvent);
      if (row >= 0) store.set({ feature: this.group!.members[this.shown[row]] });
    });
  }

  show(group: Group | null): void {
    this.group = group;
    this.shown = group ? Array.from(group.members.keys()).slice(0, MOST) : [];
    // Features that share a vertex side by side.
    if (group) this.shown.sort((a, b) => group.vertices[a] - group.vertices[b] || a - b);
    this.values = this.computed();
    this.panel.refresh();
  }

  // From where the features are in the span; the report's own number where there is an edge.
  private computed(): Float32Array {
    const { group, shown, model } = this, n = shown.length;
    const values = new Float32Array(n * n).fill(NaN);
    if (!group) return values;
    const unit = (m: number) => {
      const own = group.points ? group.points.subarray(m * group.axes, (m + 1) * group.axes)
        : group.ideal ? group.ideal.points && Array.prototype.slice.call(group.ideal.points, group.vertices[m] * group.ideal.axes, (group.vertices[m] + 1) * group.ideal.axes) : [];
      const norm = Math.hypot(...own) || 1;
      return Array.from(own, (value: number) => value / norm);
    };
    const units = shown.map(unit);
    for (let r = 0; r < n; r++) for (let c = 0; c < n; c++) {
      if (units[r].length) values[r * n + c] = units[r].reduce((sum, value, k) => sum + value * units[c][k], 0);
      if (r === c) values[r * n + c] = 1;
    }
    const place = new Map(shown.map((m, k) => [group.members[m], k]));
    for (const [i, r] of place) for (const e of model.edgesOf(i)) {
      const c = place.get(model.edges[2 * e] === i ? model.edges[2 * e + 1] : model.edges[2 * e]);
      if (c !== undefined) values[r * n + c] = values[c * n + r] = model.cosines[e];
    }
    return values;
  }

  private at(event: PointerEvent): [number, number] {
    const [x, y] = placeOf(event, this.panel.canvas);
    const [column, row] = [Math.floor((x - this.box.x) / this.box.cell), Math.floor((y - this.box.y) / this.box.cell)];
    const n = this.shown.length;
    return row >= 0 && row < n && column >= 0 && column < n ? [row, column] : [-1, -1];
  }

  private draw(painter: Painter): void {
    const inks = theme(), { group, shown, model } = this, n = shown.length, { width, height } = painter;
    if (!group) {
      painter.text(width / 2, height / 2, "choose a component", { color: inks.soft, align: "center", size: 13 });
      return;
    }
    const names = shown.map((m) => model.called(group.members[m], 12));
    // Names of the columns stand upright above them, as long as the longest needs.
    const above = Math.min(MARGIN, 6 + Math.max(...names.map((name) => painter.measure(name, SMALLEST))));
    const cell = Math.max(1, Math.min(44, (width - MARGIN - 12) / n, (height - 62 - above) / n));
    const x0 = Math.max(MARGIN, (width - n * cell + MARGIN) / 2 - 6), y0 = 26 + above;
    this.box = { x: x0, y: y0, cell };
    for (let r = 0; r < n; r++) for (let c = 0; c < n; c++) {
      const value = this.values[r * n + c];
      const color = Number.isNaN(value) ? inks.faint : diverging(value);
      painter.box(x0 + c * cell, y0 + r * cell, cell > 6 ? cell - 1 : cell, cell > 6 ? cell - 1 : cell, color);
      if (cell >= 36 && !Number.isNaN(value)) {
        const text = (value < 0 ? "−" : "") + Math.abs(value).toFixed(2).replace(/^0/, "");
        painter.text(x0 + (c + 0.5) * cell, y0 + (r + 0.5) * cell, text, { size: SMALLEST, align: "center", color: Math.abs(value) > 0.55 ? (inks.dark ? "#111111" : "#ffffff") : inks.ink });
      }
    }
    const focus = group.members.indexOf(this.store.focus), row = shown.indexOf(focus);
    if (row >= 0) {
      const frame = (x: number, y: number, w: number, h: number) => painter.outline([x, y, x + w, y, x + w, y + h, x, y + h], { color: inks.ink, width: 2 });
      frame(x0 - 1, y0 + row * cell - 1, n * cell, cell + 1);
      if (this.other >= 0) {
        const value = this.values[row * n + this.other];
        painter.text(x0, 12, `cos(${model.called(group.members[focus], 14)}, ${model.called(group.members[shown[this.other]], 14)}) = ${fixed(value)}`, { bold: true });
      }
    }
    this.names(painter, names, row, x0, y0, cell, above);
    this.scale(painter, x0, y0 + n * cell + 12);
    if (group.members.length > MOST) painter.text(x0 + 190, y0 + n * cell + 16, `the first ${MOST} of ${group.members.length}`, { size: SMALLEST, color: inks.soft });
  }

  // One name for each row and column, or as many as there is room for; that of the focus always.
  private names(painter: Painter, names: string[], row: number, x0: number, y0: number, cell: number, above: number): void {
    const inks = theme(), stride = Math.ceil(13 / cell);
    const write = (k: number, kept: number, room: number, at: (middle: number) => [number, number], turn?: number) => {
      if (k !== kept && (k % stride || (kept >= 0 && Math.abs(k - kept) * cell < 13))) return;
      const bold = k === kept;
      painter.text(...at((k + 0.5) * cell), clipped(painter, names[k], room), { size: SMALLEST, align: turn ? "left" : "right", color: bold ? inks.ink : inks.soft, bold, halo: bold, turn });
    };
    const column = this.other >= 0 ? this.other : row;
    names.forEach((_, k) => {
      write(k, row, x0 - 8, (middle) => [x0 - 6, y0 + middle]);
      write(k, column, above - 2, (middle) => [x0 + middle, y0 - 5], -Math.PI / 2);
    });
  }

  private scale(painter: Painter, x: number, y: number): void {
    const inks = theme(), step = 120 / 24;
    for (let k = 0; k < 24; k++) painter.box(x + 22 + k * step, y, step + 0.5, 8, diverging((2 * (k + 0.5)) / 24 - 1));
    painter.text(x, y + 4, "−1", { size: SMALLEST, color: inks.soft });
    painter.text(x + 148, y + 4, "1", { size: SMALLEST, color: inks.soft });
  }
}
