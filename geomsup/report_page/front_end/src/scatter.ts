// A quantity against a field, for every row of a table, with the median where several share a place.

import { PALETTE, theme, visible } from "./colours";
import { count, counted, short, tame } from "./dom";
import { SMALLEST, type Painter } from "./paint";
import { Panel, decades, nearest, placeOf, ticks } from "./panel";

export interface Cloud {
  x: ArrayLike<number>; y: ArrayLike<number>; // of each row; NaN leaves it out
  group: ArrayLike<number>; // of each row
  names: string[]; // of the groups; "" for all together
  axes: [string, string];
}

interface Line { at: number[]; middle: number[]; low: number[]; high: number[]; n: number[] }

const LEFT = 62, RIGHT = 16, BOTTOM = 38, KEY = 18;
const DASHES = [[], [6, 4], [2, 3]];
// Values over more decades than that are on a logarithmic axis, as in geomsup.plotting.
const DECADES = 2;
const MOST_NAMED = 14, MANY = 3000;

export class Scatter {
  readonly panel: Panel;
  private places = new Float32Array(0);
  private rows: number[] = [];
  private lines: Line[] = [];
  private log = [false, false];
  private ends: [number, number][] = [[0, 1], [0, 1]];

  constructor(private cloud: Cloud, private readonly focus: () => number, hover: (row: number) => void, choose: (row: number) => void) {
    this.panel = new Panel({
      title: "Plot", file: "sweep", height: 430,
      described: () => `${this.cloud.axes[1]} against ${this.cloud.axes[0]} of ${counted(this.rows.length, "task")}`,
      table: () => this.table(),
      draw: (painter) => this.draw(painter),
      help: "Each dot is a task; a line joins the medians of tasks at one place. Axes are logarithmic where values span more than two decades.",
    });
    const { canvas } = this.panel;
    const found = (event: PointerEvent) => {
      const k = nearest(...placeOf(event, canvas), this.places, 14);
      return k < 0 ? -1 : this.rows[k];
    };
    canvas.addEventListener("pointermove", (event) => hover(found(event)));
    canvas.addEventListener("pointerleave", () => hover(-1));
    canvas.addEventListener("click", (event) => {
      const row = found(event as PointerEvent);
      if (row >= 0) choose(row);
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step || !this.rows.length) return;
      event.preventDefault();
      const order = [...this.rows].sort((a, b) => this.cloud.x[a] - this.cloud.x[b] || this.cloud.y[a] - this.cloud.y[b] || a - b);
      choose(order[Math.min(order.length - 1, Math.max(0, order.indexOf(focus()) + step))]);
    });
    this.show(cloud);
  }

  show(cloud: Cloud): void {
    this.cloud = cloud;
    const { x, y, group, names, axes } = cloud;
    this.rows = Array.from({ length: x.length }, (_, k) => k).filter((k) => Number.isFinite(x[k]) && Number.isFinite(y[k]));
    this.lines = names.map((_, g) => medians(this.rows.filter((k) => group[k] === g), x, y));
    this.ends = [x, y].map((values) => this.rows.reduce(([low, high], k) => [Math.min(low, values[k]), Math.max(high, values[k])] as [number, number], [Infinity, -Infinity] as [number, number])) as [number, number][];
    this.log = this.ends.map(([low, high]) => low > 0 && Math.log10(high / low) > DECADES);
    this.panel.title = `${axes[1]} against ${axes[0]}`;
    this.panel.refresh();
  }

  // The colour of a group, on this ground.
  color(g: number): string {
    return visible(PALETTE[g % PALETTE.length]);
  }

  private scale(axis: number, from: number, to: number): (value: number) => number {
    const [low, high] = this.ends[axis], of = this.log[axis] ? Math.log10 : (value: number) => value;
    const room = high > low ? 0.04 * (of(high) - of(low)) : 1;
    return (value) => from + ((of(value) - of(low) + room) / (of(high) - of(low) + 2 * room)) * (to - from);
  }

  private draw(painter: Painter): void {
    const inks = theme(), { width, height } = painter, { cloud } = this;
    if (!this.rows.length) {
      painter.text(width / 2, height / 2, "no task has both numbers", { color: inks.soft, align: "center", size: 13 });
      return;
    }
    const top = this.key(painter) + 8;
    const x = this.scale(0, LEFT, width - RIGHT), y = this.scale(1, height - BOTTOM, top);
    for (const tick of this.marks(1)) {
      painter.segments([LEFT, y(tick), width - RIGHT, y(tick)], { color: inks.faint });
      painter.text(LEFT - 6, y(tick), short(tick), { size: SMALLEST, color: inks.soft, align: "right" });
    }
    let free = -Infinity;
    for (const tick of this.marks(0)) {
      const half = painter.measure(short(tick), SMALLEST) / 2;
      painter.segments([x(tick), height - BOTTOM, x(tick), height - BOTTOM + 4], { color: inks.line });
      if (x(tick) - half < free || x(tick) + half > width) continue;
      painter.text(x(tick), height - BOTTOM + 12, short(tick), { size: SMALLEST, color: inks.soft, align: "center" });
      free = x(tick) + half + 6;
    }
    painter.text((LEFT + width - RIGHT) / 2, height - 9, tame(cloud.axes[0], 40), { size: SMALLEST, align: "center" });
    painter.text(11, (top + height - BOTTOM) / 2, tame(cloud.axes[1], 40), { size: SMALLEST, align: "center", turn: -Math.PI / 2 });
    this.places = new Float32Array(2 * this.rows.length);
    const own: number[][] = cloud.names.map(() => []);
    this.rows.forEach((row, k) => {
      this.places.set([x(cloud.x[row]), y(cloud.y[row])], 2 * k);
      own[cloud.group[row]].push(this.places[2 * k], this.places[2 * k + 1]);
    });
    own.forEach((at, g) => painter.dots(at, this.rows.length > MANY ? 1.4 : 3.2, this.color(g)));
    this.lines.forEach(({ at, middle, n }, g) => {
      if (n.every((one) => one === 1)) return;
      painter.outline(at.flatMap((value, k) => [x(value), y(middle[k])]), { color: this.color(g), width: 2, dash: DASHES[Math.floor(g / PALETTE.length) % 3] }, undefined, 1, false);
    });
    const chosen = this.rows.indexOf(this.focus());
    if (chosen >= 0) {
      const at = this.places.subarray(2 * chosen, 2 * chosen + 2);
      painter.dots(at, 8, inks.ink);
      painter.dots(at, 5.5, this.color(cloud.group[this.focus()]), inks.ground);
    }
  }

  private marks(axis: number): number[] {
    const [low, high] = this.ends[axis];
    return this.log[axis] ? decades(low, high) : ticks(low, high, 6);
  }

  // What the colours are, above the plot; returns how much room that took.
  private key(painter: Painter): number {
    const inks = theme(), { names } = this.cloud;
    if (names.length === 1 && !names[0]) return 4;
    let [x, y] = [LEFT, 10];
    const shown = names.slice(0, MOST_NAMED), texts = shown.map((name) => tame(name, 36));
    if (names.length > shown.length) texts.push(`… and ${count(names.length - shown.length)} more`);
    texts.forEach((text, g) => {
      const wide = painter.measure(text, SMALLEST) + 34;
      if (x + wide > painter.width && x > LEFT) [x, y] = [LEFT, y + KEY];
      if (g < shown.length) {
        painter.segments([x, y, x + 14, y], { color: this.color(g), width: 2, dash: DASHES[Math.floor(g / PALETTE.length) % 3] });
        painter.dots([x + 7, y], 3.6, this.color(g));
      }
      painter.text(x + 19, y, text, { size: SMALLEST, color: inks.soft });
      x += wide;
    });
    return y + KEY / 2;
  }

  private table() {
    const { names, axes } = this.cloud;
    const rows = this.lines.flatMap(({ at, middle, low, high, n }, g) => at.map((value, k) => [
      ...(names.length > 1 || names[0] ? [names[g]] : []), short(value), count(n[k]), short(middle[k]), short(low[k]), short(high[k]),
    ]));
    return { header: [...(names.length > 1 || names[0] ? ["group"] : []), axes[0], "tasks", `median of ${axes[1]}`, "least", "most"], rows };
  }
}

function medians(rows: number[], x: ArrayLike<number>, y: ArrayLike<number>): Line {
  const at = new Map<number, number[]>();
  for (const k of rows) {
    const own = at.get(x[k]);
    if (own) own.push(y[k]);
    else at.set(x[k], [y[k]]);
  }
  const line: Line = { at: [...at.keys()].sort((a, b) => a - b), middle: [], low: [], high: [], n: [] };
  for (const place of line.at) {
    const own = at.get(place)!.sort((a, b) => a - b), half = own.length >> 1;
    line.middle.push(own.length % 2 ? own[half] : (own[half - 1] + own[half]) / 2);
    line.low.push(own[0]);
    line.high.push(own[own.length - 1]);
    line.n.push(own.length);
  }
  return line;
}
