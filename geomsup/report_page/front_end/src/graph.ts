// The interference graph, each component by itself, on shelves like words on a page.

import { theme } from "./colours";
import { count, counted, el, fixed } from "./dom";
import type { Group, Model } from "./model";
import { SMALLEST, type Painter } from "./paint";
import { Panel, nearest, placeOf } from "./panel";
import type { Store } from "./store";

// Features of a component that are laid out, and of all together.
const MOST_MEMBERS = 600, MOST_NODES = 8000;
const ROOM = 1.3;

interface Piece { group: Group; places: Float32Array; half: [number, number] }

export class Graph {
  readonly panel: Panel;
  private readonly pieces: Piece[] = [];
  private readonly left: number;
  private nodes = new Int32Array(0);
  private places = new Float32Array(0);
  private packedFor = "";
  private scale = 1;
  private centres: [number, number][] = [];
  // Many weak edges are a blot.
  private readonly faint: number;
  private view = { zoom: 1, x: 0, y: 0 };

  constructor(private readonly model: Model, private readonly store: Store) {
    this.faint = model.cosines.length > 2000 ? 0.4 : 0.75;
    let total = 0;
    for (const group of model.groups) {
      if (group.members.length > MOST_MEMBERS || total + group.members.length > MOST_NODES) continue;
      total += group.members.length;
      this.pieces.push(pieceOf(group));
    }
    this.left = model.groups.length - this.pieces.length;
    this.panel = new Panel({
      title: "Interference graph", file: "interference_graph", height: 300,
      described: () => `${count(this.pieces.length)} of ${count(model.groups.length)} components, ${count(model.cosines.length)} edges`,
      table: () => this.table(),
      draw: (painter) => this.draw(painter),
      help: `Solid: positive cosine; dashed: negative. Drag moves, + and − zoom.${this.left ? ` ${counted(this.left, "component is", "components are")} not drawn: those of more than ${count(MOST_MEMBERS)} features, and what is beyond ${count(MOST_NODES)} features.` : ""}`,
    });
    const zoom = (factor: number, title: string, text: string) => {
      const button = el("button", { type: "button", title, "aria-label": title }, text);
      button.addEventListener("click", () => this.zoom(factor));
      return button;
    };
    this.panel.tools.prepend(zoom(1.5, "zoom in", "+"), zoom(1 / 1.5, "zoom out", "−"));
    this.pointers();
  }

  private zoom(factor: number): void {
    const zoom = Math.min(40, Math.max(1, this.view.zoom * factor));
    const ratio = zoom / this.view.zoom;
    this.view = zoom === 1 ? { zoom: 1, x: 0, y: 0 } : { zoom, x: this.view.x * ratio, y: this.view.y * ratio };
    this.panel.refresh();
  }

  private pointers(): void {
    const canvas = this.panel.canvas;
    let from: [number, number] | null = null, moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      from = placeOf(event, canvas);
      moved = 0;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = placeOf(event, canvas);
      if (from) {
        moved += Math.abs(x - from[0]) + Math.abs(y - from[1]);
        this.view = { ...this.view, x: this.view.x + x - from[0], y: this.view.y + y - from[1] };
        from = [x, y];
        this.panel.refresh();
      } else this.store.set({ hover: this.at(x, y) });
    });
    canvas.addEventListener("pointerup", (event) => {
      from = null;
      const found = moved < 5 ? this.at(...placeOf(event, canvas)) : -1;
      if (found >= 0) this.store.set({ feature: found, group: this.model.owner[found] });
    });
    canvas.addEventListener("pointerleave", () => this.store.set({ hover: -1 }));
    canvas.addEventListener("keydown", (event) => {
      const zooms: Record<string, number> = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 };
      const moves: Record<string, [number, number]> = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
      if (zooms[event.key]) this.zoom(zooms[event.key]);
      else if (moves[event.key]) this.view = { ...this.view, x: this.view.x + moves[event.key][0], y: this.view.y + moves[event.key][1] };
      else return;
      event.preventDefault();
      this.panel.refresh();
    });
  }

  private at(x: number, y: number): number {
    const found = nearest(x, y, this.places, 14);
    return found < 0 ? -1 : this.nodes[found];
  }

  // The largest scale at which all pieces fit on their shelves.
  private pack(width: number, height: number): void {
    const key = `${width}×${height}`;
    if (key === this.packedFor) return;
    this.packedFor = key;
    let [low, high] = [0.5, 54];
    for (let k = 0; k < 22; k++) {
      const middle = (low + high) / 2;
      if (this.shelves(middle, width, height) <= height) low = middle;
      else high = middle;
    }
    this.scale = low;
    this.shelves(low, width, height);
  }

  private named(scale: number): boolean {
    return scale > 11;
  }

  private shelves(scale: number, width: number, height: number): number {
    const label = this.named(scale) ? 16 : 0, gap = Math.min(10, 0.9 * scale);
    let [x, top, deep, row] = [gap, gap / 2, 0, 0];
    this.centres = [];
    for (const { half, group } of this.pieces) {
      const [w, h] = [Math.max(2 * half[0] * scale, label ? 7 * Math.min(16, group.label.length) : 0), 2 * half[1] * scale + label];
      if (x + w + gap > width && x > gap) {
        this.centre(row, width - x);
        row = this.centres.length;
        top += deep + gap;
        x = gap;
        deep = 0;
      }
      if (w + 2 * gap > width) return Infinity;
      this.centres.push([x + w / 2, top + (h - label) / 2]);
      x += w + gap;
      deep = Math.max(deep, h);
    }
    this.centre(row, width - x);
    const used = top + deep + gap;
    const spare = Math.max(0, (height - used) / 2);
    for (const centre of this.centres) centre[1] += spare;
    return used;
  }

  // What is left of the width is shared out between the pieces of a shelf.
  private centre(row: number, spare: number): void {
    const n = this.centres.length - row;
    for (let k = row; k < this.centres.length; k++) this.centres[k][0] += (spare * (k - row + 1)) / (n + 1);
  }

  private draw(painter: Painter): void {
    const inks = theme(), { model } = this, { width, height } = painter;
    if (!this.pieces.length) painter.text(width / 2, height / 2, "no component is small enough to draw", { color: inks.soft, align: "center", size: 13 });
    this.pack(width, height);
    const { zoom, x: dx, y: dy } = this.view;
    const cut = model.cut(this.store.now.cut), focus = this.store.focus, scale = this.scale * zoom;
    const nodes: number[] = [], places: number[] = [];
    const place = new Map<number, [number, number]>();
    const seen: number[] = [];
    this.pieces.forEach(({ group, places: own, half }, k) => {
      const cx = width / 2 + (this.centres[k][0] - width / 2) * zoom + dx, cy = height / 2 + (this.centres[k][1] - height / 2) * zoom + dy;
      if (cx + half[0] * scale < 0 || cx - half[0] * scale > width || cy + half[1] * scale < 0 || cy - half[1] * scale > height) return;
      seen.push(k);
      group.members.forEach((i, m) => {
        const at: [number, number] = [cx + scale * own[2 * m], cy - scale * own[2 * m + 1]];
        place.set(i, at);
        nodes.push(i);
        places.push(...at);
      });
    });
    this.nodes = Int32Array.from(nodes);
    this.places = Float32Array.from(places);
    this.drawEdges(painter, place, scale);
    const radius = Math.max(0.8, Math.min(11, 0.29 * scale));
    const byColor = new Map<string, number[]>();
    nodes.forEach((i, k) => {
      const color = model.color(i, cut);
      const into = byColor.get(color) ?? [];
      into.push(places[2 * k], places[2 * k + 1]);
      byColor.set(color, into);
    });
    for (const [color, at] of byColor) painter.dots(at, radius, color, radius > 2.5 ? inks.ground : undefined);
    const chosen = place.get(focus);
    if (chosen) {
      painter.dots(chosen, radius + 4, inks.ink);
      painter.dots(chosen, radius + 1, model.color(focus, cut), inks.ground);
      const text = model.called(focus), w = painter.measure(text, 12);
      const x = Math.min(width - w - 4, Math.max(4, chosen[0] - w / 2));
      painter.text(x, Math.max(10, chosen[1] - radius - 13), text, { bold: true, halo: true });
    }
    if (this.named(this.scale)) for (const k of seen) {
      const { group, half } = this.pieces[k];
      const cx = width / 2 + (this.centres[k][0] - width / 2) * zoom + dx, cy = height / 2 + (this.centres[k][1] - height / 2) * zoom + dy;
      const text = group.label.length > 18 ? group.label.slice(0, 17) + "…" : group.label;
      const w = painter.measure(text, SMALLEST) / 2, y = cy + half[1] * scale + 7;
      if (cx - w >= 0 && cx + w <= width && y < height - 6) painter.text(cx, y, text, { size: SMALLEST, align: "center", color: inks.soft, bold: group.index === this.store.now.group });
    }
  }

  private drawEdges(painter: Painter, place: Map<number, [number, number]>, scale: number): void {
    const inks = theme(), { edges, cosines } = this.model, focus = this.store.focus;
    const least = this.store.now.cut ?? 0;
    const bins: number[][] = [[], [], [], []], own: number[][] = [[], []];
    for (let k = 0; k < cosines.length; k++) {
      const strength = Math.abs(cosines[k]);
      if (strength < least - 1e-9) break; // the strongest come first
      const a = place.get(edges[2 * k]), b = a && place.get(edges[2 * k + 1]);
      if (!a || !b) continue;
      const negative = Number(cosines[k] < 0);
      bins[2 * negative + Number(strength > 0.6)].push(a[0], a[1], b[0], b[1]);
      if (edges[2 * k] === focus || edges[2 * k + 1] === focus) own[negative].push(a[0], a[1], b[0], b[1]);
    }
    const width = Math.min(2.4, 0.06 * scale + 0.3);
    bins.forEach((ends, k) => {
      // Dashes of short lines look like dots, and cost as much time as all else.
      const dash = k > 1 && scale > 14 ? [4, 3] : [];
      painter.segments(ends, { color: k > 1 ? inks.negative : inks.positive, width: k % 2 ? width : Math.max(0.8, 0.65 * width), alpha: k % 2 ? 0.9 : this.faint, dash });
    });
    own.forEach((ends, k) => painter.segments(ends, { color: k ? inks.negative : inks.positive, width: width + 1.2, dash: k ? [5, 3] : [] }));
  }

  private table() {
    const { model } = this;
    const rows: (string | number)[][] = [];
    for (let k = 0; k < model.cosines.length; k++) {
      const [a, b] = [model.edges[2 * k], model.edges[2 * k + 1]];
      rows.push([model.called(a), model.called(b), fixed(model.cosines[k], 4), model.where(a)]);
    }
    return { header: ["feature", "feature", "cosine", "in"], rows };
  }
}

// Vertices where they are in the span, flattened so that the closest two are far apart; features that
// share a vertex in a ring around it.
function pieceOf(group: Group): Piece {
  const vertices = [...new Set(group.vertices)];
  const flat = flattened(group, vertices);
  const sharing = vertices.map((vertex) => Array.from(group.members.keys()).filter((m) => group.vertices[m] === vertex));
  const places = new Float32Array(2 * group.members.length);
  const crowd = Math.max(...sharing.map((one) => one.length));
  const ring = crowd === 1 ? 0 : Math.max(0.35, 0.35 / Math.sin(Math.PI / crowd));
  sharing.forEach((own, k) => own.forEach((m, turn) => {
    const angle = (2 * Math.PI * turn) / own.length, r = own.length > 1 ? ring : 0;
    places[2 * m] = flat[k][0] * (1 + 2 * ring) + r * Math.cos(angle);
    places[2 * m + 1] = flat[k][1] * (1 + 2 * ring) + r * Math.sin(angle);
  }));
  const bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (let m = 0; m < places.length; m += 2) {
    bounds[0] = Math.min(bounds[0], places[m]);
    bounds[1] = Math.min(bounds[1], places[m + 1]);
    bounds[2] = Math.max(bounds[2], places[m]);
    bounds[3] = Math.max(bounds[3], places[m + 1]);
  }
  for (let m = 0; m < places.length; m++) places[m] -= (bounds[m % 2] + bounds[2 + (m % 2)]) / 2;
  return { group, places, half: [(bounds[2] - bounds[0]) / 2 + ROOM / 2, (bounds[3] - bounds[1]) / 2 + ROOM / 2] };
}

function flattened(group: Group, vertices: number[]): [number, number][] {
  const n = vertices.length;
  if (n === 1) return [[0, 0]];
  const source = group.ideal ? { points: group.ideal.points, axes: group.ideal.axes, of: (v: number) => v } : group.points
    ? { points: group.points, axes: group.axes, of: (v: number) => group.vertices.indexOf(v) } : null;
  const circle = () => vertices.map((_, k) => {
    const angle = (2 * Math.PI * k) / n + Math.PI / 2, radius = 0.5 / Math.sin(Math.PI / n);
    return [radius * Math.cos(angle), radius * Math.sin(angle)] as [number, number];
  });
  if (!source || n > 30) return n > 40 ? sunflower(n) : circle();
  const { points, axes, of } = source;
  const at = (v: number, a: number) => (a < axes ? points[of(v) * axes + a] : 0);
  if (axes === 1) return vertices.map((v) => [0.6 * at(v, 0), 0]);
  let best = spaced(vertices.map((v) => [at(v, 0), at(v, 1)]));
  if (axes > 2) {
    // Planes turned by the golden angle, over and over: the same ones each time.
    for (let k = 1; k < 40; k++) {
      const frame = [0, 1].map((row) => Array.from({ length: axes }, (_, a) => Math.cos(2.399963 * k * (a + 1) + 1.7 * row * (a + 0.5))));
      const tried = spaced(vertices.map((v) => frame.map((line) => line.reduce((sum, x, a) => sum + x * at(v, a), 0)) as [number, number]));
      if (radiusOf(tried) < radiusOf(best)) best = tried;
    }
  }
  return radiusOf(best) > 3.2 * (0.5 / Math.sin(Math.PI / n)) ? circle() : best;
}

// On a scale on which the two closest are 1 apart.
function spaced(places: [number, number][]): [number, number][] {
  let least = Infinity;
  places.forEach((p, k) => places.slice(0, k).forEach((q) => (least = Math.min(least, Math.hypot(p[0] - q[0], p[1] - q[1])))));
  return places.map(([x, y]) => [x / Math.max(least, 1e-9), y / Math.max(least, 1e-9)]);
}

const radiusOf = (places: [number, number][]) => Math.max(...places.map(([x, y]) => Math.hypot(x, y)));

function sunflower(n: number): [number, number][] {
  return Array.from({ length: n }, (_, k) => {
    const [angle, radius] = [2.399963 * k, 0.56 * Math.sqrt(k + 0.5)];
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}
