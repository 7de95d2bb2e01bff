// Curves over the steps of a training: names, dimensionalities, loss; the slider is a line through them.

import { theme } from "./colours";
import { count, fixed, short } from "./dom";
import { SMALLEST, type Painter } from "./paint";
import { Panel, placeOf } from "./panel";

export interface Span { name: string; start: number; stop: number; color: string }

export interface Course {
  title: string; file: string; height: number; label: string;
  steps: ArrayLike<number>;
  curves: { values: (record: number) => number; color: () => string; name: string; feature: number }[];
  spans: Span[];
  bands: { start: number; stop: number; text: string }[];
  log: boolean; // whether steps are spread by their logarithm
  logValues?: boolean;
  now: () => number;
  focus: () => number;
  move: (record: number) => void;
  hover: (feature: number) => void;
  shade: (color: string) => string;
}

const LEFT = 54, RIGHT = 14, BOTTOM = 30;

export function course(c: Course): Panel {
  const n = c.steps.length;
  const along = (step: number) => (c.log ? Math.log1p(step) : step);
  const [first, last] = [along(c.steps[0]), along(c.steps[n - 1])];
  const x = (step: number, width: number) => LEFT + ((along(step) - first) / Math.max(1e-9, last - first)) * (width - LEFT - RIGHT);
  const top = c.spans.length ? 34 : 12;
  const range = () => {
    let [low, high] = [Infinity, -Infinity];
    for (const { values } of c.curves) for (let k = 0; k < n; k++) if (Number.isFinite(values(k))) [low, high] = [Math.min(low, values(k)), Math.max(high, values(k))];
    if (c.logValues) return [Math.log10(Math.max(low, 1e-12)), Math.log10(Math.max(high, 1e-12)) + 1e-9];
    return [Math.min(0, low), Math.max(1, high)];
  };
  const [low, high] = range();
  const y = (value: number, height: number) => {
    const v = c.logValues ? Math.log10(Math.max(value, 1e-12)) : value;
    return height - BOTTOM - ((v - low) / Math.max(1e-9, high - low)) * (height - top - BOTTOM);
  };
  const nearestRecord = (at: number, width: number) => {
    let best = 0;
    for (let k = 1; k < n; k++) if (Math.abs(x(c.steps[k], width) - at) < Math.abs(x(c.steps[best], width) - at)) best = k;
    return best;
  };
  const draw = (painter: Painter) => {
    const inks = theme(), { width, height } = painter;
    for (const { start, stop } of c.bands) painter.box(x(start, width) - 1, top, x(stop, width) - x(start, width) + 2, height - top - BOTTOM, inks.soft, 0.16);
    for (const { name, start, stop, color } of c.spans) {
      const [a, b] = [x(start, width), x(stop, width)];
      painter.box(a, 8, Math.max(1.5, b - a), 18, c.shade(color), 0.35);
      let text = name;
      while (text.length > 3 && painter.measure(text, SMALLEST) > b - a - 6) text = text.slice(0, -2) + "…";
      if (text.length > 4 || text === name && painter.measure(text, SMALLEST) <= b - a - 4) painter.text((a + b) / 2, 17, text, { size: SMALLEST, align: "center" });
    }
    const levels = c.logValues ? decades(low, high) : [0, 0.25, 0.5, 0.75, 1].filter((v) => v <= high);
    for (const level of levels) {
      painter.segments([LEFT, y(level, height), width - RIGHT, y(level, height)], { color: inks.faint });
      painter.text(LEFT - 6, y(level, height), short(level), { size: SMALLEST, color: inks.soft, align: "right" });
    }
    let free = -Infinity;
    for (const step of marks(c.steps[0], c.steps[n - 1], c.log)) {
      const at = x(step, width), half = painter.measure(count(step), SMALLEST) / 2;
      if (at - half < Math.max(free, LEFT - half) || at + half > width) continue;
      painter.text(at, height - BOTTOM + 11, count(step), { size: SMALLEST, color: inks.soft, align: "center" });
      free = at + half + 8;
    }
    painter.text(width - RIGHT, height - 7, "step", { size: SMALLEST, color: inks.soft, align: "right" });
    painter.text(12, (top + height - BOTTOM) / 2, c.label, { size: SMALLEST, color: inks.soft, align: "center", turn: -Math.PI / 2 });
    const focus = c.focus();
    const line = (curve: Course["curves"][number], width2: number, color: string) => {
      const points: number[] = [];
      for (let k = 0; k < n; k++) if (Number.isFinite(curve.values(k))) points.push(x(c.steps[k], width), y(curve.values(k), height));
      painter.outline(points, { color, width: width2, alpha: width2 > 2 ? 1 : c.curves.length > 60 ? 0.5 : 0.85 }, undefined, 1, false);
    };
    for (const curve of c.curves) if (curve.feature !== focus) line(curve, 1.4, curve.color());
    for (const curve of c.curves) if (curve.feature === focus && focus >= 0) line(curve, 3.2, curve.color());
    const now = c.now(), at = x(c.steps[now], width);
    painter.segments([at, 4, at, height - BOTTOM], { color: inks.ink, width: 1.5 });
    for (const curve of c.curves.length <= 60 ? c.curves : []) painter.dots([at, y(curve.values(now), height)], curve.feature === focus ? 5 : 3, curve.color(), inks.ground);
  };
  const panel = new Panel({
    title: c.title, file: c.file, height: c.height,
    described: () => `${c.curves.length} curves over ${n} records, steps ${count(c.steps[0])} to ${count(c.steps[n - 1])}; now step ${count(c.steps[c.now()])}`,
    table: () => ({
      header: ["step", ...c.curves.map((one) => one.name)],
      rows: Array.from({ length: n }, (_, k) => [c.steps[k], ...c.curves.map((one) => fixed(one.values(k), 4))]),
    }),
    draw,
  });
  const canvas = panel.canvas;
  let held = false;
  const to = (event: PointerEvent) => c.move(nearestRecord(placeOf(event, canvas)[0], panel.size.width));
  canvas.addEventListener("pointerdown", (event) => {
    held = true;
    canvas.setPointerCapture(event.pointerId);
    to(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (held) return to(event);
    const [px, py] = placeOf(event, canvas);
    const record = nearestRecord(px, panel.size.width);
    let [gap, found] = [12, -1];
    for (const curve of c.curves) {
      const away = Math.abs(y(curve.values(record), panel.size.height) - py);
      if (away < gap) [gap, found] = [away, curve.feature];
    }
    c.hover(found);
  });
  canvas.addEventListener("pointerup", () => (held = false));
  canvas.addEventListener("pointerleave", () => c.hover(-1));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    c.move(Math.min(n - 1, Math.max(0, c.now() + step)));
  });
  return panel;
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
  if (log) {
    const found = [first];
    for (let power = 1; power <= last; power *= 10) if (power > first) found.push(power);
    return [...found, last];
  }
  const raw = (last - first) / 6, power = 10 ** Math.floor(Math.log10(Math.max(1, raw)));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const found: number[] = [];
  for (let at = Math.ceil(first / step) * step; at <= last; at += step) found.push(at);
  return found;
}
