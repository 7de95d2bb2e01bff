// The periodic table of superposition: dimensions downwards, features to the right, in each cell a strip along p.

import { luminance, theme, visible } from "./colours";
import { SMALLEST, clipped, type Painter } from "./paint";
import { Panel, placeOf } from "./panel";

export interface Cell { n: number; m: number; starts: number }
export interface Phase {
  cell: number; low: number; high: number; name: string; kind: string; color: string; symmetry: number; dropped: number;
  ends: string; status: string; thomson: string; exact: boolean; met: number; starts: number;
}

// The Thomson optimum that a phase is, or whose shape it has.
export const optimumOf = ({ thomson, exact }: Phase) => (thomson && !exact ? `${thomson}, with other angles` : thomson);

const LEFT = 30, RIGHT = 6, TOP = 22, ROW = 62, STRIP = 34, GAP = 5;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
// Below this the axis of p is linear, so that it can begin at zero.
const LEAST = 1e-3;
const LINE = 16;

// Where a feature probability stands on an axis from 0 to 1.
export const along = (p: number) => Math.log1p(p / LEAST) / Math.log1p(1 / LEAST);

export class Periodic {
  readonly panel: Panel;
  private readonly columns: number[];
  private readonly rows: number[];
  private readonly letters = new Map<string, string>();
  private room = 0;

  constructor(
    private readonly cells: Cell[],
    private readonly phases: Phase[],
    private readonly now: () => { cell: number; p: number },
    private readonly choose: (cell: number, p: number) => void,
    private readonly hover: (phase: number) => void,
  ) {
    this.columns = [...new Set(cells.map((cell) => cell.n))].sort((a, b) => a - b);
    this.rows = [...new Set(cells.map((cell) => cell.m))].sort((a, b) => a - b);
    const covered = new Map<string, number>();
    for (const { kind, low, high } of phases) covered.set(kind, (covered.get(kind) ?? 0) + along(high) - along(low));
    [...covered].sort((a, b) => b[1] - a[1]).slice(0, LETTERS.length).forEach(([kind], k) => this.letters.set(kind, LETTERS[k]));
    this.panel = new Panel({
      title: cells.length > 1 ? "Periodic table" : "Phases along p", file: "atlas", height: TOP + ROW * this.rows.length + 120,
      described: () => `${cells.length} sizes of model; ${cells.filter((_, k) => phases.some((one) => one.cell === k && one.exact)).length} hold a Thomson optimum`,
      table: () => ({
        header: ["features", "dimensions", "from p", "to p", "configuration", "Thomson optimum"],
        rows: phases.map((one) => [cells[one.cell].n, cells[one.cell].m, String(+one.low.toPrecision(6)), String(+one.high.toPrecision(6)), one.name, optimumOf(one)]),
      }),
      draw: (painter) => this.draw(painter),
      help: "Features to the right, dimensions downwards; in each cell p grows from 0 to 1, by its logarithm above 0.001. Full lines: a phase is overtaken; dotted: it changes continuously. Star and bar: a Thomson optimum; dots: its shape with other angles. Click or use the arrow keys to choose a cell.",
    });
    this.pointers();
  }

  private box(cell: Cell, width: number): [number, number, number] {
    const wide = (width - LEFT - RIGHT) / this.columns.length;
    return [LEFT + this.columns.indexOf(cell.n) * wide + GAP / 2, TOP + this.rows.indexOf(cell.m) * ROW + 14, wide - GAP];
  }

  private at(event: { clientX: number; clientY: number }): { cell: number; p: number } | null {
    const [x, y] = placeOf(event, this.panel.canvas), { width } = this.panel.size;
    const cell = this.cells.findIndex((one) => {
      const [left, top, wide] = this.box(one, width);
      return x >= left - GAP / 2 && x < left + wide + GAP / 2 && y >= top - 14 && y < top + ROW - 14;
    });
    if (cell < 0) return null;
    const [left, , wide] = this.box(this.cells[cell], width);
    const share = Math.min(1, Math.max(0, (x - left) / wide));
    return { cell, p: LEAST * Math.expm1(share * Math.log1p(1 / LEAST)) };
  }

  private pointers(): void {
    const { canvas } = this.panel;
    canvas.addEventListener("pointermove", (event) => {
      const found = this.at(event);
      canvas.style.cursor = found ? "pointer" : "default";
      this.hover(found ? this.phases.findIndex((one) => one.cell === found.cell && found.p <= one.high) : -1);
    });
    canvas.addEventListener("pointerleave", () => this.hover(-1));
    canvas.addEventListener("click", (event) => {
      const found = this.at(event as PointerEvent);
      if (found) this.choose(found.cell, found.p);
    });
    canvas.addEventListener("keydown", (event) => {
      const step = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] } as Record<string, [number, number]>)[event.key];
      if (!step) return;
      event.preventDefault();
      const next = this.beside(...step);
      if (next >= 0) this.choose(next, this.now().p);
    });
  }

  // The next cell that there is in a direction, or -1.
  private beside(right: number, down: number): number {
    const { n, m } = this.cells[this.now().cell];
    let [column, row] = [this.columns.indexOf(n) + right, this.rows.indexOf(m) + down];
    for (; column >= 0 && column < this.columns.length && row >= 0 && row < this.rows.length; column += right, row += down) {
      const found = this.cells.findIndex((cell) => cell.n === this.columns[column] && cell.m === this.rows[row]);
      if (found >= 0) return found;
    }
    return -1;
  }

  private draw(painter: Painter): void {
    const inks = theme(), { width } = painter, { cell: chosen, p } = this.now();
    this.columns.forEach((n) => {
      const cell = { ...this.cells[0], n };
      const [left, , wide] = this.box(cell, width);
      painter.text(left + wide / 2, 10, `${n}`, { size: SMALLEST, color: inks.soft, align: "center" });
    });
    painter.text(2, 10, "m \\ n", { size: SMALLEST, color: inks.soft });
    this.rows.forEach((m, k) => painter.text(LEFT - 10, TOP + k * ROW + 14 + STRIP / 2, `${m}`, { size: SMALLEST, color: inks.soft, align: "right" }));
    for (const phase of this.phases) this.drawPhase(painter, phase);
    this.cells.forEach((cell, k) => {
      const [left, top, wide] = this.box(cell, width);
      painter.outline([left, top, left + wide, top, left + wide, top + STRIP, left, top + STRIP], { color: k === chosen ? inks.ink : inks.line, width: k === chosen ? 2.5 : 0.8 });
      if (this.phases.some((one) => one.cell === k && one.exact)) star(painter, left + 6, top - 7, 5.5, inks.ink);
      if (k !== chosen) return;
      const x = left + along(p) * wide;
      painter.segments([x, top - 5, x, top + STRIP + 9], { color: inks.ground, width: 4 });
      painter.segments([x, top - 5, x, top + STRIP + 9], { color: inks.ink, width: 2 });
    });
    this.drawLegend(painter);
  }

  private drawPhase(painter: Painter, phase: Phase): void {
    const inks = theme(), [left, top, wide] = this.box(this.cells[phase.cell], painter.width);
    const from = left + along(phase.low) * wide, to = left + along(phase.high) * wide;
    const letter = this.letters.get(phase.kind) ?? "", color = visible(phase.color);
    painter.box(from, top, to - from, STRIP, letter ? color : inks.faint, letter ? 0.85 : 1);
    if (phase.exact) painter.box(from, top + STRIP + 2, to - from, 4, inks.ink);
    else if (phase.thomson) painter.segments([from + 2, top + STRIP + 4, Math.max(from + 2.1, to - 2), top + STRIP + 4], { color: inks.ink, width: 3, dash: [0.1, 5] });
    if (letter && to - from > 13) {
      painter.text((from + to) / 2, top + STRIP / 2, letter, { size: 12, align: "center", bold: true, color: luminance(color) > 0.25 ? "#111111" : "#ffffff" });
    }
    if (phase.ends) painter.segments([to, top, to, top + STRIP], { color: inks.ink, width: 1, dash: phase.ends === "continuous" ? [2, 3] : [] });
  }

  // What the letters are, in as many columns as there is room for.
  private drawLegend(painter: Painter): void {
    const inks = theme(), { width } = painter;
    const rest = new Set(this.phases.map((one) => one.kind)).size - this.letters.size;
    const entries: [string, string, string][] = [...this.letters].map(([kind, letter]) => [letter, kind, visible(this.phases.find((one) => one.kind === kind)!.color)]);
    if (rest > 0) entries.push(["", `${rest} others`, inks.faint]);
    const widest = Math.min(width / 2 - 4, Math.max(...entries.map(([, kind]) => painter.measure(kind, SMALLEST))) + 44);
    const columns = Math.max(1, Math.floor((width - 8) / widest)), deep = Math.ceil(entries.length / columns);
    const top = TOP + ROW * this.rows.length + 8;
    entries.forEach(([letter, kind, color], k) => {
      const x = 8 + Math.floor(k / deep) * widest, y = top + (k % deep) * LINE;
      painter.box(x, y, 15, 13, color, 0.85);
      if (letter) painter.text(x + 7.5, y + 7, letter, { size: SMALLEST, align: "center", bold: true, color: luminance(color) > 0.25 ? "#111111" : "#ffffff" });
      painter.text(x + 21, y + 7, clipped(painter, kind, widest - 25), { size: SMALLEST });
    });
    const needed = top + deep * LINE + 8;
    if (needed !== this.room) this.panel.resize((this.room = needed));
  }
}

function star(painter: Painter, x: number, y: number, radius: number, color: string): void {
  const points: number[] = [];
  for (let k = 0; k < 10; k++) {
    const r = k % 2 ? 0.42 * radius : radius, angle = (Math.PI * k) / 5 - Math.PI / 2;
    points.push(x + r * Math.cos(angle), y + r * Math.sin(angle));
  }
  painter.outline(points, null, color);
}
