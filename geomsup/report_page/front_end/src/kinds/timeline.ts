// The page of a timeline: payload of timeline.py.

import { dressed, footing, heading, quoted, search, slider } from "../chrome";
import { PALETTE, visible } from "../colours";
import { course, type Course, type Span } from "../curves";
import { count, el, fixed, tame } from "../dom";
import type { Panel } from "../panel";
import type { Payload } from "../payload";
import { Solid, type Scene } from "../solid";
import { Store } from "../store";
import { Table, tabs, type Listing } from "../table";

interface Event { kind: string; start: number; stop: number; text: string }

// Pairs with a smaller |cosine| are not drawn; a feature shorter than this share of the longest is none.
const LEAST = 0.2, DROPPED = 0.1;
const MOST_DRAWN = 150;

export function timeline(payload: Payload, root: HTMLElement): void {
  const { words, arrays } = payload;
  const { step, loss, norm, level } = arrays;
  const records = step.length, n = level.length / records;
  const store = new Store();
  store.now.step = records - 1;
  const labels = words.labels as string[] | null;
  const named = {
    n, number: (i: number) => i, position: (i: number) => (i < n ? i : -1), raw: (i: number) => labels?.[i] ?? "",
    called: (i: number, most = 24) => tame(labels?.[i] ?? "", most) || String(i),
  };
  const spans = words.spans as Span[], events = words.events as Event[];
  const color = (i: number) => visible(PALETTE[i % PALETTE.length]);
  const nameAt = (record: number) => words.names[record] as string;
  const recordOf = (at: number) => {
    let found = 0;
    while (found < records - 1 && step[found] < at) found++;
    return found;
  };
  const shared = {
    steps: step, log: logarithmic(step), now: () => store.now.step, focus: () => store.focus,
    move: (record: number) => store.set({ step: record }), hover: (feature: number) => store.set({ hover: feature }), shade: visible,
  };
  const curves = (values: ArrayLike<number>) => Array.from({ length: n }, (_, i) => ({
    values: (k: number) => values[k * n + i], color: () => color(i), name: named.called(i), feature: i,
  }));
  const drops = events.filter((one) => one.kind === "loss drop");
  const levels = course({ ...shared, title: "Levels: D, where a feature is stored", file: "levels", height: 300, label: "level", curves: curves(level), spans, bands: drops });
  const panels: Panel[] = [levels];
  const others: Omit<Course, keyof typeof shared>[] = [];
  if (loss.some((value) => Number.isFinite(value))) others.push({ title: "Loss", file: "loss", height: 220, label: "loss", logValues: true, spans: [], bands: drops, curves: [{ values: (k) => loss[k], color: () => visible("#222222"), name: "loss", feature: -2 }] });
  others.push({ title: "Norms", file: "norms", height: 220, label: "norm", spans: [], bands: [], curves: curves(norm) });
  for (const other of others) panels.push(course({ ...shared, ...other }));

  let scene: Scene | null = null;
  const solid = words.axes ? new Solid(
    {
      title: "The features", file: "shape", height: 430,
      described: () => `step ${count(step[store.now.step])}: ${nameAt(store.now.step) || "not named"}`,
      table: () => ({
        header: ["feature", "norm", "level"],
        rows: Array.from({ length: n }, (_, i) => [named.called(i), fixed(norm[store.now.step * n + i]), fixed(level[store.now.step * n + i])]),
      }),
      help: "Drag, pinch or use the arrow keys to turn. Solid lines: positive cosine; dashed: negative.",
    },
    () => scene, () => store.focus, (feature, click) => store.set(click ? { feature } : { hover: feature }), false,
  ) : null;
  let reach = 1e-9;
  for (const value of norm) reach = Math.max(reach, value);
  const look = () => {
    if (solid) scene = sceneAt(payload, store.now.step, n, reach, color, named.called);
  };
  if (solid) panels.push(solid.panel);

  const at = slider("step", records - 1, (value) => store.set({ step: value }));
  const play = el("button", { type: "button", "aria-pressed": "false" }, "Play");
  let timer = 0;
  play.addEventListener("click", () => {
    const stop = timer !== 0;
    window.clearInterval(timer);
    timer = 0;
    play.setAttribute("aria-pressed", String(!stop));
    if (stop) return;
    if (store.now.step >= records - 1) store.set({ step: 0 });
    timer = window.setInterval(() => {
      if (store.now.step >= records - 1) play.click();
      else store.set({ step: store.now.step + 1 });
    }, Math.max(30, 8000 / records));
  });
  const name = el("p", { class: "name", role: "status", "aria-live": "polite" });
  const readout = el("p", { class: "readout" });
  const tables = listings(spans, events, (start) => store.set({ step: recordOf(start) }), () => step[store.now.step]).map((one) => new Table(one));
  const bar = el("div", { class: "bar" }, search(named, (feature) => store.set({ feature })), at.root, play, name, readout);
  root.replaceChildren(heading(payload), bar, el("div", { class: "grid" },
    ...(solid ? [solid.panel.root] : []), levels.root, tabs(tables).root, ...panels.filter((panel) => panel !== levels && panel !== solid?.panel).map((panel) => panel.root)), footing(payload));
  const told = () => {
    const now = store.now.step, i = store.focus;
    at.input.value = String(now);
    at.said.textContent = count(step[now]);
    at.input.setAttribute("aria-valuetext", `step ${count(step[now])}: ${nameAt(now)}`);
    name.textContent = nameAt(now);
    readout.textContent = i < 0 ? "" : `feature ${quoted(named, i)}: norm ${fixed(norm[now * n + i])}, level ${fixed(level[now * n + i])}`;
    if (solid) solid.panel.title = `${nameAt(now) || "The features"}, step ${count(step[now])}`;
  };
  store.listen((changed) => {
    if (changed.has("step")) look();
    told();
    for (const panel of panels) panel.now();
    if (changed.has("step")) for (const table of tables) if (!table.root.hidden) table.refresh();
  });
  dressed(panels);
  look();
  told();
}

// Where features are at a record, in a picture whose scale stays.
function sceneAt(payload: Payload, record: number, n: number, reach: number, color: (i: number) => string, label: (i: number) => string): Scene {
  const axes = payload.words.axes as number, all = payload.arrays.points, norm = payload.arrays.norm;
  const points = (all as Float32Array).subarray(record * n * axes, (record + 1) * n * axes);
  const unit = (i: number, a: number) => points[i * axes + a] / Math.max(1e-9, norm[record * n + i]);
  const pairs: number[] = [], cosines: number[] = [];
  let longest = 0;
  for (let i = 0; i < n; i++) longest = Math.max(longest, norm[record * n + i]);
  const stored = Array.from({ length: n }, (_, i) => i).filter((i) => norm[record * n + i] > DROPPED * longest);
  for (const i of stored.length <= MOST_DRAWN ? stored : []) for (const j of stored) {
    if (j <= i) continue;
    let cosine = 0;
    for (let a = 0; a < axes; a++) cosine += unit(i, a) * unit(j, a);
    if (Math.abs(cosine) < LEAST) continue;
    pairs.push(i, j);
    cosines.push(cosine);
  }
  return { features: Array.from({ length: n }, (_, i) => i), axes, points, ideal: null, length: 1, pairs, cosines, color, label, reach };
}

function listings(spans: Span[], events: Event[], go: (start: number) => void, now: () => number): Listing[] {
  const number = (name: string, of: (row: number) => number) => ({ name, text: (row: number) => count(of(row)), key: of });
  const common = (rows: { start: number; stop: number }[]) => ({
    n: rows.length,
    chosen: () => rows.findIndex((row) => row.start <= now() && now() <= row.stop),
    choose: (row: number) => go(rows[row].start),
  });
  return [
    {
      name: "Shapes", file: "shapes", ...common(spans),
      columns: [
        { name: "name", left: true, text: (k) => spans[k].name, key: (k) => spans[k].name },
        number("from step", (k) => spans[k].start), number("to step", (k) => spans[k].stop),
      ],
      search: (k) => spans[k].name.toLowerCase(), color: (k) => visible(spans[k].color),
    },
    {
      name: "Events", file: "events", ...common(events),
      columns: [
        { name: "what", left: true, text: (k) => events[k].kind, key: (k) => events[k].kind },
        number("from step", (k) => events[k].start), number("to step", (k) => events[k].stop),
        { name: "in words", left: true, text: (k) => events[k].text, key: (k) => events[k].text },
      ],
      search: (k) => `${events[k].kind} ${events[k].text}`.toLowerCase(),
    },
  ];
}

// Records at equal ratios are drawn at equal distances.
function logarithmic(step: ArrayLike<number>): boolean {
  const gaps = (of: (x: number) => number) => {
    const all = Array.from({ length: step.length - 1 }, (_, k) => of(step[k + 1]) - of(step[k]));
    const mean = all.reduce((a, b) => a + b, 0) / all.length;
    return Math.sqrt(all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / all.length) / Math.max(mean, 1e-12);
  };
  return gaps((x) => x) > gaps(Math.log1p);
}
