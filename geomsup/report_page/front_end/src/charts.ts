// Histograms with the background behind them, and counts beside what the background gives.

import { theme } from "./colours";
import { count, fixed, short } from "./dom";
import { SMALLEST, type Painter } from "./paint";
import { Panel } from "./panel";

const LEFT = 54, RIGHT = 14, TOP = 26, BOTTOM = 32;

export interface Bars { color: string; text: string; counts: ArrayLike<number>; filled?: boolean; dash?: number[] }

// Counts over [-1, 1] on a logarithmic scale, as the few far out are those of interest.
export function histogram(title: string, file: string, xLabel: string, bars: () => Bars[], line: () => number | null): Panel {
  const table = () => {
    const all = bars(), n = all[0].counts.length;
    const rows = Array.from({ length: n }, (_, k) => [fixed((2 * k) / n - 1, 2), ...all.map((one) => short(one.counts[k]))] as (string | number)[]);
    return { header: [`${xLabel} from`, ...all.map((one) => one.text)], rows: rows.filter((row) => row.slice(1).some((cell) => cell !== "0")) };
  };
  const draw = (painter: Painter) => {
    const inks = theme(), { width, height } = painter, all = bars();
    let most = 1;
    for (const { counts } of all) for (let k = 0; k < counts.length; k++) most = Math.max(most, counts[k]);
    const top = Math.log10(2 * most) + 0.3;
    const y = (value: number) => height - BOTTOM - Math.max(0, (Math.log10(Math.max(value, 0.5)) + 0.3) / (top + 0.3)) * (height - TOP - BOTTOM);
    const x = (value: number) => LEFT + ((value + 1) / 2) * (width - LEFT - RIGHT);
    const every = Math.max(1, Math.ceil(top / 5));
    for (let power = 0; power <= top; power += every) {
      painter.segments([LEFT, y(10 ** power), width - RIGHT, y(10 ** power)], { color: inks.faint });
      painter.text(LEFT - 6, y(10 ** power), power < 4 ? count(10 ** power) : `1e${power}`, { size: SMALLEST, color: inks.soft, align: "right" });
    }
    for (const tick of [-1, -0.5, 0, 0.5, 1]) painter.text(x(tick), height - BOTTOM + 12, short(tick).replace("-", "−"), { size: SMALLEST, color: inks.soft, align: "center" });
    painter.text((LEFT + width - RIGHT) / 2, height - 7, xLabel, { size: SMALLEST, color: inks.soft, align: "center" });
    let at = LEFT;
    for (const { color, text, counts, filled, dash } of all) {
      const n = counts.length, steps: number[] = [x(-1), y(0)];
      for (let k = 0; k < n; k++) steps.push(x((2 * k) / n - 1), y(counts[k]), x((2 * (k + 1)) / n - 1), y(counts[k]));
      steps.push(x(1), y(0));
      if (filled) painter.outline(steps, null, color, 0.55);
      else painter.outline(steps, { color, width: 1.4, dash }, undefined, 1, false);
      if (at + 18 + painter.measure(text, SMALLEST) > width) continue;
      if (filled) painter.box(at, 6, 12, 10, color, 0.55);
      else painter.segments([at, 11, at + 12, 11], { color, width: 2, dash });
      painter.text(at + 16, 11, text, { size: SMALLEST, color: inks.soft });
      at += 30 + painter.measure(text, SMALLEST);
    }
    const cut = line();
    if (cut !== null) for (const side of [-cut, cut]) painter.segments([x(side), TOP, x(side), height - BOTTOM], { color: inks.ink, dash: [3, 3] });
  };
  return new Panel({ title, file, height: 260, described: () => `${bars().map((one) => one.text).join(", ")}, by ${xLabel}`, table, draw });
}

export interface Compared { name: string; found: number; null_mean: number | null; null_sd: number | null; is_count: boolean; by_chance: number | null }

const LINE = 26;

// Found beside the background, on a scale that is linear up to 1 and logarithmic beyond.
export function comparisons(all: Compared[], background: string): Panel {
  const shown = all.filter((one) => one.is_count && (one.found || one.null_mean));
  const value = (one: Compared, x: number | null) => (x === null ? "–" : one.is_count ? short(x) : fixed(x, 4));
  const table = () => ({
    header: ["", "found", background, "± sd", "by chance"],
    rows: all.map((one) => [one.name, value(one, one.found), value(one, one.null_mean), value(one, one.null_sd), one.by_chance === null ? "" : `${short(100 * one.by_chance)} %`]),
  });
  const scale = (x: number) => (x < 1 ? Math.max(0, x) : 1 + Math.log10(x));
  const draw = (painter: Painter) => {
    const inks = theme(), { width } = painter;
    let most = 1, room = 60;
    for (const one of shown) {
      most = Math.max(most, scale(one.found), scale((one.null_mean ?? 0) + 2 * (one.null_sd ?? 0)));
      room = Math.max(room, painter.measure(one.name, 12));
    }
    const left = Math.min(room + 14, 0.45 * width);
    const x = (v: number) => left + 8 + (scale(v) / most) * (width - left - 90);
    for (let power = -1; power < most; power++) {
      const at = power < 0 ? 0 : 10 ** power;
      painter.segments([x(at), 24, x(at), 24 + LINE * shown.length], { color: inks.faint });
      painter.text(x(at), 12, power < 4 ? count(at) : `1e${power}`, { size: SMALLEST, color: inks.soft, align: "center" });
    }
    shown.forEach((one, k) => {
      const y = 24 + LINE * (k + 0.5);
      let name = one.name;
      while (painter.measure(name, 12) > left - 6 && name.length > 4) name = name.slice(0, -2) + "…";
      painter.text(left, y, name, { align: "right" });
      if (one.null_mean !== null) {
        const spread = 2 * (one.null_sd ?? 0), low = x(Math.max(0, one.null_mean - spread)), high = x(one.null_mean + spread);
        painter.box(low - 3, y - 6, high - low + 6, 12, inks.soft, 0.4);
        painter.segments([x(one.null_mean), y - 7, x(one.null_mean), y + 7], { color: inks.soft, width: 2 });
      }
      painter.dots([x(one.found), y], 5, inks.positive, inks.ground);
      painter.text(x(one.found) + 10, y, count(Math.round(one.found)), { size: 12, halo: true, bold: true });
    });
    painter.dots([left + 8, 36 + LINE * shown.length], 4, inks.positive);
    painter.text(left + 18, 36 + LINE * shown.length, "found", { size: SMALLEST, color: inks.soft });
    painter.box(left + 62, 30 + LINE * shown.length, 14, 12, inks.soft, 0.4);
    painter.text(left + 82, 36 + LINE * shown.length, `${background}, mean ± 2 sd`, { size: SMALLEST, color: inks.soft });
  };
  return new Panel({ title: `Counts beside the ${background}`, file: "counts", height: 56 + LINE * Math.max(1, shown.length), described: () => `${shown.length} counts`, table, draw });
}

