// Curves along a parameter (steps of a training, feature probabilities of the atlas): the slider is a line through them.

import { theme } from "./colours";
import { count, short } from "./dom";
import { SMALLEST, clipped, type Painter } from "./paint";
import { Panel, decades, placeOf, ticks } from "./panel";

export interface Span { name: string; start: number; stop: number; color: string }

export interface Curve { values: (record: number) => number; color: () => string; name: string; feature: number }

// What all curves of a page share: records, the one that is looked at, and who looks.
export interface Course {
  steps: ArrayLike<number>;
  along: (step: number) => number; // where a step stands on the axis
  marks: () => number[];
  say: (step: number) => string;
  unit: string;
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
  most?: number; // where the axis ends at least; 1 by default
  help?: string;
}

const LEFT = 54, RIGHT = 14, BOTTOM = 30;
// With more curves each is fainter, and has no dot where the slider is.
const MANY = 60;

export class Curves {
  readonly panel: Panel;
  private low = 0;
  private high = 1;

  constructor(private course: Course, private plot: Plot) {
    this.panel = new Panel({
      title: plot.title, file: plot.file, height: plot.height, help: plot.help,
      described: () => this.described(),
      table: () => ({
        header: [this.course.unit, ...this.plot.curves.map((one) => one.name)],
        rows: Array.from({ length: this.n }, (_, k) => [short(this.course.steps[k]), ...this.plot.curves.map((one) => short(one.values(k)))]),
      }),
      draw: (painter) => this.draw(painter),
    });
    this.show(course, plot);
    this.pointers();
  }

  // Other curves in the same frame.
  show(course: Course, plot: Plot): void {
    [this.course, this.plot] = [course, plot];
    [this.low, this.high] = this.range();
    this.panel.refresh();
  }

  private get n(): number {
    return this.course.steps.length;
  }

  private get top(): number {
    return this.plot.spans.length ? 34 : 12;
  }

  private described(): string {
    const { steps, say, unit, now } = this.course;
    return `${this.plot.curves.length} curves over ${this.n} records, ${unit} ${say(steps[0])} to ${say(steps[this.n - 1])}; now ${unit} ${say(steps[now()])}`;
  }

  private range(): [number, number] {
    let [low, high] = [Infinity, -Infinity];
    for (const { values } of this.plot.curves) for (let k = 0; k < this.n; k++) {
      if (Number.isFinite(values(k))) [low, high] = [Math.min(low, values(k)), Math.max(high, values(k))];
    }
    if (this.plot.logValues) return [Math.log10(Math.max(low, 1e-12)), Math.log10(Math.max(high, 1e-12)) + 1e-9];
    return [Math.min(0, low), Math.max(this.plot.most ?? 1, high)];
  }

  private x(step: number, width: number): number {
    const { steps, along } = this.course;
    const [first, last] = [along(steps[0]), along(steps[this.n - 1])];
    return LEFT + ((along(step) - first) / Math.max(1e-9, last - first)) * (width - LEFT - RIGHT);
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
    const text = clipped(painter, name, to - from - 6);
    if (text.length > 4 && to - from > 30) painter.text((from + to) / 2, 17, text, { size: SMALLEST, align: "center" });
  }

  private drawAxes(painter: Painter): void {
    const inks = theme(), { course, plot } = this, { width, height } = painter;
    for (const level of plot.logValues ? decades(10 ** this.low, 10 ** this.high) : ticks(this.low, this.high, 4)) {
      const y = this.y(level, height);
      painter.segments([LEFT, y, width - RIGHT, y], { color: inks.faint });
      painter.text(LEFT - 6, y, short(level), { size: SMALLEST, color: inks.soft, align: "right" });
    }
    let free = -Infinity;
    for (const step of course.marks()) {
      const at = this.x(step, width), half = painter.measure(course.say(step), SMALLEST) / 2;
      if (at - half < Math.max(free, LEFT - half) || at + half > width) continue;
      painter.text(at, height - BOTTOM + 11, course.say(step), { size: SMALLEST, color: inks.soft, align: "center" });
      free = at + half + 8;
    }
    painter.text(width - RIGHT, height - 7, course.unit, { size: SMALLEST, color: inks.soft, align: "right" });
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

// The axis of the steps of a training, spread by their logarithm where its records are.
export function stepped(steps: ArrayLike<number>): Pick<Course, "steps" | "along" | "marks" | "say" | "unit"> {
  const log = atEqualRatios(steps);
  return { steps, along: log ? Math.log1p : (step) => step, marks: () => marks(steps[0], steps[steps.length - 1], log), say: count, unit: "step" };
}

// Whether records are spread by the logarithm of their steps rather than evenly.
function atEqualRatios(step: ArrayLike<number>): boolean {
  const unevenness = (of: (x: number) => number) => {
    const gaps = Array.from({ length: step.length - 1 }, (_, k) => of(step[k + 1]) - of(step[k]));
    const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
    return Math.sqrt(gaps.reduce((sum, x) => sum + (x - mean) ** 2, 0) / gaps.length) / Math.max(mean, 1e-12);
  };
  return unevenness((x) => x) > unevenness(Math.log1p);
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
