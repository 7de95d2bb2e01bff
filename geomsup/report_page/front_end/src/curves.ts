// Curves over the steps of a training: names, dimensionalities, loss; the slider is a line through them.

import { theme } from "./colours";
import { count, fixed, short } from "./dom";
import { SMALLEST, type Painter } from "./paint";
import { Panel, placeOf } from "./panel";

export interface Span { name: string; start: number; stop: number; color: string }

export interface Curve { values: (record: number) => number; color: () => string; name: string; feature: number }

// What all curves of a page share: records, the one that is looked at, and who looks.
export interface Course {
  steps: ArrayLike<number>;
  log: boolean; // whether steps are spread by their logarithm
  now: () => number;
  focus: () => number;
  move: (record: number) => void;
  hover: (feature: number) => void;
  shade: (color: string) => string;
}

export interface Plot {
  title: string; file: string; height: number; label: string;
  curves: Curve[];
  spans: Span[];
  bands: { start: number; stop: number }[];
  logValues?: boolean;
}

const LEFT = 54, RIGHT = 14, BOTTOM = 30;
// With more curves each is fainter, and has no dot where the slider is.
const MANY = 60;

export class Curves {
  readonly panel: Panel;
  private readonly n: number;
  private readonly top: number;
  private readonly low: number;
  private readonly high: number;

  constructor(private readonly course: Course, private readonly plot: Plot) {
    const { steps } = course, { curves } = plot;
    this.n = steps.length;
    this.top = plot.spans.length ? 34 : 12;
    [this.low, this.high] = this.range();
    this.panel = new Panel({
      title: plot.title, file: plot.file, height: plot.height,
      described: () => `${curves.length} curves over ${this.n} records, steps ${count(steps[0])} to ${count(steps[this.n - 1])}; now step ${count(steps[course.now()])}`,
      table: () => ({
        header: ["step", ...curves.map((one) => one.name)],
        rows: Array.from({ length: this.n }, (_, k) => [steps[k], ...curves.map((one) => fixed(one.values(k), 4))]),
      }),
      draw: (painter) => this.draw(painter),
    });
    this.pointers();
  }

  private range(): [number, number] {
    let [low, high] = [Infinity, -Infinity];
    for (const { values } of this.plot.curves) for (let k = 0; k < this.n; k++) {
      if (Number.isFinite(values(k))) [low, high] = [Math.min(low, values(k)), Math.max(high, values(k))];
    }
    if (this.plot.logValues) return [Math.log10(Math.max(low, 1e-12)), Math.log10(Math.max(high, 1e-12)) + 1e-9];
    return [Math.min(0, low), Math.max(1, high)];
  }

  private along(step: number): number {
    return this.course.log ? Math.log1p(step) : step;
  }

  private x(step: number, width: number): number {
    const { steps } = this.course;
    const [first, last] = [this.along(steps[0]), this.along(steps[this.n - 1])];
    return LEFT + ((this.along(step) - first) / Math.max(1e-9, last - first)) * (width - LEFT - RIGHT);
  }

  private y(value: number, height: number): number {
    const at = this.plot.logValues ? Math.log10(Math.max(value, 1e-12)) : value;
    return height - BOTTOM - ((at - this.low) / Math.max(1e-9, this.high - this.low)) * (height - this.top - BOTTOM);
  }

  private recordAt(place: number): number {
    const { steps } = this.course, { width } = this.panel.size;
    let best = 0;
    for (let k = 1; k < this.n; k++) if (Math.abs(this.x(steps[k], width) - place) < Math.abs(this.x(steps[best], width) - place)) best = k;
    return best;
  }

  private curveAt(px: number, py: number): number {
    const record = this.recordAt(px);
    let [gap, found] = [12, -1];
    for (const { values, feature } of this.plot.curves) {
      const away = Math.abs(this.y(values(record), this.panel.size.height) - py);
      if (away < gap) [gap, found] = [away, feature];
    }
    return found;
  }

  private pointers(): void {
    const { canvas } = this.panel, { course } = this;
    let held = false;
    canvas.addEventListener("pointerdown", (event) => {
      held = true;
      canvas.setPointerCapture(event.pointerId);
      course.move(this.recordAt(placeOf(event, canvas)[0]));
    });
    canvas.addEventListener("pointermove", (event) => {
      const [px, py] = placeOf(event, canvas);
      if (held) course.move(this.recordAt(px));
      else course.hover(this.curveAt(px, py));
    });
    canvas.addEventListener("pointerup", () => (held = false));
    canvas.addEventListener("pointerleave", () => course.hover(-1));
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      course.move(Math.min(this.n - 1, Math.max(0, course.now() + step)));
    });
  }

  private draw(painter: Painter): void {
    const inks = theme(), { course, plot } = this, { width, height } = painter;
    for (const { start, stop } of plot.bands) {
      const from = this.x(start, width);
      painter.box(from - 1, this.top, this.x(stop, width) - from + 2, height - this.top - BOTTOM, inks.soft, 0.16);
    }
    for (const span of plot.spans) this.drawName(painter, span);
    this.drawAxes(painter);
    const focus = course.focus();
    for (const curve of plot.curves) if (curve.feature !== focus) this.drawCurve(painter, curve, false);
    for (const curve of plot.curves) if (curve.feature === focus && focus >= 0) this.drawCurve(painter, curve, true);
    const now = course.now(), at = this.x(course.steps[now], width);
    painter.segments([at, 4, at, height - BOTTOM], { color: inks.ink, width: 1.5 });
    for (const { feature, values, color } of plot.curves.length <= MANY ? plot.curves : []) {
      painter.dots([at, this.y(values(now), height)], feature === focus ? 5 : 3, color(), inks.ground);
    }
  }

  // The name of a stretch, as much of it as there is room for.
  private drawName(painter: Painter, { name, start, stop, color }: Span): void {
    const [from, to] = [this.x(start, painter.width), this.x(stop, painter.width)];
    painter.box(from, 8, Math.max(1.5, to - from), 18, this.course.shade(color), 0.35);
    let text = name;
    while (text.length > 3 && painter.measure(text, SMALLEST) > to - from - 6) text = text.slice(0, -2) + "…";
    if (text.length > 4) painter.text((from + to) / 2, 17, text, { size: SMALLEST, align: "center" });
  }

  private drawAxes(painter: Painter): void {
    const inks = theme(), { course, plot } = this, { width, height } = painter;
    for (const level of plot.logValues ? decades(this.low, this.high) : [0, 0.25, 0.5, 0.75, 1].filter((v) => v <= this.high)) {
      const y = this.y(level, height);
      painter.segments([LEFT, y, width - RIGHT, y], { color: inks.faint });
      painter.text(LEFT - 6, y, short(level), { size: SMALLEST, color: inks.soft, align: "right" });
    }
    let free = -Infinity;
    for (const step of marks(course.steps[0], course.steps[this.n - 1], course.log)) {
      const at = this.x(step, width), half = painter.measure(count(step), SMALLEST) / 2;
      if (at - half < Math.max(free, LEFT - half) || at + half > width) continue;
      painter.text(at, height - BOTTOM + 11, count(step), { size: SMALLEST, color: inks.soft, align: "center" });
      free = at + half + 8;
    }
    painter.text(width - RIGHT, height - 7, "step", { size: SMALLEST, color: inks.soft, align: "right" });
    painter.text(12, (this.top + height - BOTTOM) / 2, plot.label, { size: SMALLEST, color: inks.soft, align: "center", turn: -Math.PI / 2 });
  }

  private drawCurve(painter: Painter, { values, color }: Curve, chosen: boolean): void {
    const points: number[] = [], { steps } = this.course;
    for (let k = 0; k < this.n; k++) {
      if (Number.isFinite(values(k))) points.push(this.x(steps[k], painter.width), this.y(values(k), painter.height));
    }
    const faint = this.plot.curves.length > MANY ? 0.5 : 0.85;
    painter.outline(points, { color: color(), width: chosen ? 3.2 : 1.4, alpha: chosen ? 1 : faint }, undefined, 1, false);
  }
}

function decades(low: number, high: number): number[] {
  const found: number[] = [];
  for (let power = Math.floor(low); power <= high; power++) for (const m of high - low > 2 ? [1] : [1, 2, 5]) {
    const value = m * 10 ** power;
    if (Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9) found.push(value);
  }
  return found;
}

function marks(first: number, last: number, log: boolean): number[] {
  const found: number[] = [];
  if (log) {
    for (let power = 1; power <= last; power *= 10) if (power > first) found.push(power);
    return [first, ...found, last];
  }
  const raw = (last - first) / 6, power = 10 ** Math.floor(Math.log10(Math.max(1, raw)));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  for (let at = Math.ceil(first / step) * step; at <= last; at += step) found.push(at);
  return found;
}
