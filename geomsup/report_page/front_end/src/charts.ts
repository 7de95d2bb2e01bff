// Histograms with the background behind them, and counts beside what the background gives.

import { theme } from "./colours";
import { count, fixed, short } from "./dom";
import { SMALLEST, clipped, type Painter } from "./paint";
import { Panel, ticks } from "./panel";

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
    header: ["", "found", background, "± sd", "explained by chance"],
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
    const x = (v: number) => left + 8 + (scale(v) / most) * (width - left - 130);
    let free = -Infinity;
    for (let power = -1; power < most; power++) {
      const at = power < 0 ? 0 : 10 ** power;
      painter.segments([x(at), 24, x(at), 24 + LINE * shown.length], { color: inks.faint });
      const said = power < 4 ? count(at) : `1e${power}`, half = painter.measure(said, SMALLEST) / 2;
      if (x(at) - half < free) continue;
      painter.text(x(at), 12, said, { size: SMALLEST, color: inks.soft, align: "center" });
      free = x(at) + half + 5;
    }
    shown.forEach((one, k) => {
      const y = 24 + LINE * (k + 0.5);
      painter.text(left, y, clipped(painter, one.name, left - 6, 12), { align: "right" });
      if (one.null_mean !== null) {
        const spread = 2 * (one.null_sd ?? 0), low = x(Math.max(0, one.null_mean - spread)), high = x(one.null_mean + spread);
        painter.box(low - 3, y - 6, high - low + 6, 12, inks.soft, 0.4);
        painter.segments([x(one.null_mean), y - 7, x(one.null_mean), y + 7], { color: inks.soft, width: 2 });
      }
      painter.dots([x(one.found), y], 5, inks.positive, inks.ground);
      // Beside whatever reaches farther, so that no number stands on a mark.
      const end = Math.max(x(one.found) + 10, one.null_mean === null ? 0 : x(one.null_mean + 2 * (one.null_sd ?? 0)) + 8);
      const said = count(Math.round(one.found)), share = one.by_chance === null ? "" : ` ${short(Math.round(100 * one.by_chance))} %`;
      painter.text(end, y, said, { size: 12, halo: true, bold: true });
      if (share) painter.text(end + painter.measure(said, 12) + 6, y, share, { size: SMALLEST, color: inks.soft });
    });
    const chance = `${background}, mean ± 2 sd`, end = 36 + LINE * shown.length;
    // Below the names too, where that is the room there is.
    const from = Math.max(8, Math.min(left + 8, width - 80 - painter.measure(chance, SMALLEST)));
    painter.dots([from, end], 4, inks.positive);
    painter.text(from + 10, end, "found", { size: SMALLEST, color: inks.soft });
    painter.box(from + 54, end - 6, 14, 12, inks.soft, 0.4);
    painter.text(from + 74, end, clipped(painter, chance, width - from - 76), { size: SMALLEST, color: inks.soft });
  };
  return new Panel({ title: `Counts beside the ${background}`, file: "counts", height: 56 + LINE * Math.max(1, shown.length), described: () => `${shown.length} counts`, table, draw,
    help: "Bold: how many were found. Percent: how much of that the background gives as well, so 100 % is what chance explains altogether, and 0 % is beyond chance." });
}


// How often which value occurs among others, and where one value stands.
export function distribution(title: string, file: string, xLabel: string, of: string, values: Float64Array, own: () => { at: number; color: string; text: string }): Panel {
  const bins = 40;
  const span = () => {
    let [low, high] = [own().at, own().at];
    for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
    return high > low ? [low, high] : [low - 0.5, high + 0.5];
  };
  const counted = () => {
    const [low, high] = span(), counts = new Int32Array(bins);
    for (const value of values) counts[Math.min(bins - 1, Math.floor((bins * (value - low)) / (high - low)))]++;
    return counts;
  };
  const smaller = () => values.filter((value) => value <= own().at).length;
  const draw = (painter: Painter) => {
    const inks = theme(), { width, height } = painter, [low, high] = span(), counts = counted(), { at, color, text } = own();
    const x = (value: number) => LEFT + ((value - low) / (high - low)) * (width - LEFT - RIGHT);
    const most = Math.max(1, ...counts), top = TOP + 22, y = (k: number) => height - BOTTOM - (k / most) * (height - top - BOTTOM);
    for (const tick of ticks(0, most, 4)) {
      painter.segments([LEFT, y(tick), width - RIGHT, y(tick)], { color: inks.faint });
      painter.text(LEFT - 6, y(tick), short(tick), { size: SMALLEST, color: inks.soft, align: "right" });
    }
    counts.forEach((k, bin) => {
      const from = x(low + (bin * (high - low)) / bins), to = x(low + ((bin + 1) * (high - low)) / bins);
      painter.box(from, y(k), Math.max(0.5, to - from - 0.5), height - BOTTOM - y(k), inks.soft, 0.55);
    });
    for (const tick of ticks(low, high, 6)) painter.text(x(tick), height - BOTTOM + 12, short(tick), { size: SMALLEST, color: inks.soft, align: "center" });
    painter.text((LEFT + width - RIGHT) / 2, height - 7, xLabel, { size: SMALLEST, color: inks.soft, align: "center" });
    painter.box(LEFT, 6, 12, 10, inks.soft, 0.55);
    painter.text(LEFT + 16, 11, `${count(values.length)} ${of}, ${count(smaller())} as small`, { size: SMALLEST, color: inks.soft });
    painter.segments([x(at), top - 4, x(at), height - BOTTOM], { color, width: 3 });
    const half = painter.measure(text, 12) / 2 + 4;
    painter.text(Math.min(width - RIGHT - half, Math.max(LEFT + half, x(at))), top - 12, text, { bold: true, align: "center", halo: true });
  };
  const table = () => {
    const [low, high] = span();
    return { header: ["from", "to", of], rows: Array.from(counted(), (k, bin) => [fixed(low + (bin * (high - low)) / bins, 4), fixed(low + ((bin + 1) * (high - low)) / bins, 4), k]) };
  };
  return new Panel({ title, file, height: 280, described: () => `${own().text}; ${count(smaller())} of ${count(values.length)} ${of} are as small`, table, draw });
}

const BAR = 30;
// From here on a bar says no more than that it is long.
const MOST_NATS = 1e5;

// Bars to the right for the claim, to the left for a rival, on a scale that is linear up to 1 and logarithmic beyond.
export function balance(title: string, file: string, evidence: [string, number][]): Panel {
  const scale = (x: number) => Math.sign(x) * (Math.abs(x) < 1 ? Math.abs(x) : 1 + Math.log10(Math.abs(x)));
  const said = (x: number) => (Math.abs(x) >= MOST_NATS ? (x > 0 ? "certain" : "hopeless") : `${x > 0 ? "+" : "−"}${Math.abs(x).toFixed(1)}`);
  const draw = (painter: Painter) => {
    const inks = theme(), { width } = painter, high = 22 + BAR * evidence.length;
    let most = scale(10), room = 60;
    for (const [name, x] of evidence) [most, room] = [Math.max(most, Math.abs(scale(x))), Math.max(room, painter.measure(name, 12))];
    const left = Math.min(room + 12, 0.4 * width), middle = (left + width - 8) / 2, unit = ((width - 8 - left) / 2 - 52) / most;
    for (let power = 0; power < most; power++) for (const side of [-1, 1]) {
      const at = middle + side * unit * scale(10 ** power);
      painter.segments([at, 22, at, high], { color: inks.faint });
    }
    painter.segments([middle, 18, middle, high], { color: inks.ink });
    painter.text(middle - 8, 9, "← the rival", { size: SMALLEST, color: inks.soft, align: "right" });
    painter.text(middle + 8, 9, "the claim →", { size: SMALLEST, color: inks.soft });
    evidence.forEach(([name, x], k) => {
      const y = 22 + BAR * (k + 0.5), end = middle + unit * scale(x), positive = x >= 0;
      painter.text(left - 4, y, clipped(painter, name, left - 8, 12), { align: "right" });
      painter.box(Math.min(middle, end), y - 8, Math.abs(end - middle), 16, positive ? inks.negative : inks.positive, 0.85);
      painter.text(end + (positive ? 6 : -6), y, said(x), { bold: true, align: positive ? "left" : "right" });
    });
    painter.text(middle, high + 12, "nats", { size: SMALLEST, color: inks.soft, align: "center" });
  };
  const table = () => ({ header: ["rival", "nats for the claim"], rows: evidence.map(([name, x]) => [name, said(x)]) });
  return new Panel({
    title, file, height: 46 + BAR * Math.max(1, evidence.length), table, draw,
    described: () => evidence.map(([name, x]) => `${name} ${said(x)} nats`).join(", "),
    help: "Log Bayes factors; 3 nats are 20 to 1. The scale is linear up to 1 and logarithmic beyond.",
  });
}
