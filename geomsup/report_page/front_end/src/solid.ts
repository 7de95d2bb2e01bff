// Points in their own span, turned by hand: as many dimensions as they have, three at a time.

import { mixed, theme } from "./colours";
import { el } from "./dom";
import type { Ideal } from "./model";
import { type Painter } from "./paint";
import { Panel, nearest, placeOf, type Picture } from "./panel";

export interface Scene {
  features: ArrayLike<number>; // what the points are
  axes: number;
  points: ArrayLike<number>;
  ideal: Ideal | null;
  length: number; // of the arms of the ideal
  pairs: ArrayLike<number>; // places in `features`, two for each edge
  cosines: ArrayLike<number>;
  color: (feature: number) => string;
  label: (feature: number) => string;
  least?: () => number; // |cosine| below which pairs are not drawn
  reach?: number; // of the longest arm, where it must not change
  frontal?: boolean; // whether the first two axes are seen first
  path?: number[]; // places in `features` that a plain line joins, two for each
  ghosts?: Cloud; // other points, behind
  beside?: Cloud; // as many points as there are features, joined by the same path
}

export interface Cloud { points: ArrayLike<number>; axes: number }

const STEP = Math.PI / 36;
const MOST_LABELS = 60;
// Of more points no pairs are looked for.
const MOST_PAIRED = 150;
const FAR = 3.2; // distance of the eye, in arms

export class Solid {
  readonly panel: Panel;
  private frame: number[][] = [];
  private zoom = 1;
  private spinning = 0;
  private places: Float32Array = new Float32Array(0);
  showIdeal = true;

  constructor(
    picture: Omit<Picture, "draw">,
    private readonly scene: () => Scene | null,
    private readonly focus: () => number,
    private readonly choose: (feature: number, click: boolean) => void,
    hasIdeals = true,
  ) {
    this.panel = new Panel({ ...picture, draw: (painter) => this.draw(painter) });
    const spin = el("button", { type: "button", "aria-pressed": "false", title: "turn by itself (space)" }, "Spin");
    const reset = el("button", { type: "button", title: "as at first (0)" }, "Reset");
    const ideal = el("button", { type: "button", "aria-pressed": "true", title: "the ideal shape (i)" }, "Ideal");
    spin.addEventListener("click", () => this.spin(spin));
    reset.addEventListener("click", () => this.reset());
    ideal.addEventListener("click", () => {
      this.showIdeal = !this.showIdeal;
      ideal.setAttribute("aria-pressed", String(this.showIdeal));
      this.panel.refresh();
    });
    this.panel.tools.prepend(spin, reset, ...(hasIdeals ? [ideal] : []));
    const canvas = this.panel.canvas;
    canvas.classList.add("turns");
    canvas.setAttribute("aria-keyshortcuts", "ArrowLeft ArrowRight ArrowUp ArrowDown + - 0 i [ ] Space");
    canvas.addEventListener("keydown", (event) => this.key(event, spin, ideal));
    this.pointers(canvas);
  }

  // A view from the front for what is flat, from above the side for what is not.
  reset(): void {
    const axes = Math.max(3, this.scene()?.axes ?? 3);
    this.frame = Array.from({ length: axes }, (_, i) => Array.from({ length: axes }, (_, j) => Number(i === j)));
    this.zoom = 1;
    this.panel.help.textContent = `${this.panel.picture.help ?? ""}${axes > 3 ? ` ${axes} dimensions: Shift and drag, or [ and ], turns the fourth into view.` : ""}`;
    if ((this.scene()?.axes ?? 0) > 2 && !this.scene()?.frontal) {
      this.turn(0, 2, 0.55);
      this.turn(1, 2, 0.38);
    }
    this.panel.refresh();
  }

  turn(a: number, b: number, angle: number): void {
    if (b >= this.frame.length) return;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const [x, y] = [this.frame[a], this.frame[b]];
    this.frame[a] = x.map((value, k) => c * value - s * y[k]);
    this.frame[b] = x.map((value, k) => s * value + c * y[k]);
  }

  get orientation(): number[][] {
    return this.frame;
  }

  private spin(button: HTMLElement): void {
    if (this.spinning) {
      cancelAnimationFrame(this.spinning);
      this.spinning = 0;
    } else {
      const next = () => {
        this.turn(0, 2, 0.012);
        for (let k = 3; k < this.frame.length; k++) this.turn(k % 3, k, 0.006 + 0.001 * k);
        this.panel.refresh();
        this.spinning = requestAnimationFrame(next);
      };
      this.spinning = requestAnimationFrame(next);
    }
    button.setAttribute("aria-pressed", String(this.spinning !== 0));
  }

  private key(event: KeyboardEvent, spin: HTMLElement, ideal: HTMLElement): void {
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.turn(0, 2, STEP), ArrowRight: () => this.turn(0, 2, -STEP),
      ArrowUp: () => this.turn(1, 2, -STEP), ArrowDown: () => this.turn(1, 2, STEP),
      "[": () => this.turn(0, 3, STEP), "]": () => this.turn(0, 3, -STEP),
      "+": () => (this.zoom *= 1.1), "=": () => (this.zoom *= 1.1), "-": () => (this.zoom /= 1.1),
      "0": () => this.reset(), " ": () => this.spin(spin), i: () => ideal.click(),
    };
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
    this.panel.refresh();
  }

  private pointers(canvas: HTMLCanvasElement): void {
    const held = new Map<number, [number, number]>();
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      held.set(event.pointerId, [event.clientX, event.clientY]);
      moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (!before) {
        this.point(event, false);
        return;
      }
      const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
      held.set(event.pointerId, [event.clientX, event.clientY]);
      moved += Math.abs(dx) + Math.abs(dy);
      if (held.size === 2) {
        const other = [...held].find(([id]) => id !== event.pointerId)![1];
        const gap = (p: number[]) => Math.hypot(p[0] - other[0], p[1] - other[1]);
        this.zoom *= Math.min(1.2, Math.max(0.8, gap([event.clientX, event.clientY]) / Math.max(1, gap(before))));
      } else {
        // With the shift key into the dimension that is not seen.
        const into = event.shiftKey && this.frame.length > 3 ? 3 : 2;
        this.turn(0, into, -dx / 120);
        this.turn(1, into, dy / 120);
      }
      this.panel.refresh();
    });
    for (const end of ["pointerup", "pointercancel"] as const) canvas.addEventListener(end, (event) => {
      held.delete(event.pointerId);
      if (end === "pointerup" && moved < 5) this.point(event, true);
    });
    canvas.addEventListener("pointerleave", () => this.choose(-1, false));
  }

  private point(event: PointerEvent, click: boolean): void {
    const scene = this.scene();
    if (!scene) return;
    const found = nearest(...placeOf(event, this.panel.canvas), this.places, 18);
    this.choose(found < 0 ? -1 : scene.features[found], click);
  }

  private draw(painter: Painter): void {
    const scene = this.scene();
    const inks = theme();
    const { width, height } = painter;
    if (!scene || !scene.features.length) {
      painter.text(width / 2, height / 2, "choose a component", { color: inks.soft, align: "center", size: 13 });
      return;
    }
    if (this.frame.length !== Math.max(3, scene.axes)) this.reset();
    const reach = scene.reach ?? Math.max(longest(scene.points, scene.axes), scene.ideal ? scene.length : 0, scene.ghosts ? longest(scene.ghosts.points, scene.ghosts.axes) : 0, 1e-9);
    const radius = (Math.min(width, height) / 2 - 34) * this.zoom;
    const project = this.projection(reach, radius, width / 2, height / 2);
    const at = project(scene.points, scene.axes);
    this.places = at.flat;
    if (scene.ideal && this.showIdeal) this.drawIdeal(painter, scene.ideal, project(scaled(scene.ideal, scene.length), scene.ideal.axes));
    this.drawOthers(painter, scene, project, at);
    this.drawPairs(painter, scene, at);
    this.drawArms(painter, scene, at, width / 2, height / 2);
    this.drawLabels(painter, scene, at);
  }

  private projection(reach: number, radius: number, x0: number, y0: number) {
    return (points: ArrayLike<number>, axes: number): Projected => {
      const n = axes ? points.length / axes : 0;
      const flat = new Float32Array(2 * n), depth = new Float32Array(n);
      for (let k = 0; k < n; k++) {
        let [x, y, z] = [0, 0, 0];
        for (let a = 0; a < axes; a++) {
          const value = points[k * axes + a] / reach;
          x += this.frame[0][a] * value;
          y += this.frame[1][a] * value;
          z += this.frame[2][a] * value;
        }
        const nearer = FAR / (FAR - z);
        flat[2 * k] = x0 + radius * x * nearer;
        flat[2 * k + 1] = y0 - radius * y * nearer;
        depth[k] = z;
      }
      return { flat, depth };
    };
  }

  private drawIdeal(painter: Painter, ideal: Ideal, at: Projected): void {
    const inks = theme();
    const order = Array.from({ length: ideal.faces.length / 3 }, (_, k) => k);
    const depth = (k: number) => at.depth[ideal.faces[3 * k]] + at.depth[ideal.faces[3 * k + 1]] + at.depth[ideal.faces[3 * k + 2]];
    for (const k of order.sort((a, b) => depth(a) - depth(b))) {
      const corners = [0, 1, 2].flatMap((c) => [...at.flat.subarray(2 * ideal.faces[3 * k + c], 2 * ideal.faces[3 * k + c] + 2)]);
      painter.outline(corners, null, inks.soft, 0.07);
    }
    if (!ideal.faces.length && ideal.axes === 2 && ideal.n > 2) {
      painter.outline(Array.from(ideal.edges).flatMap((v, k) => (k % 2 ? [] : [...at.flat.subarray(2 * v, 2 * v + 2)])), null, inks.soft, 0.07);
    }
    painter.segments(ends(ideal.edges, at.flat), { color: inks.soft, width: 1.2, dash: [2, 4], alpha: 0.9 });
    for (let k = 0; k < ideal.n; k++) ring(painter, at.flat[2 * k], at.flat[2 * k + 1], 6, inks.soft);
  }

  // What stands behind the features, and the line that joins them.
  private drawOthers(painter: Painter, scene: Scene, project: (points: ArrayLike<number>, axes: number) => Projected, at: Projected): void {
    const inks = theme(), { path = [], ghosts, beside } = scene;
    if (ghosts) painter.dots(project(ghosts.points, ghosts.axes).flat, 1.8, mixed(inks.soft, inks.ground, 0.45));
    if (beside) {
      const { flat } = project(beside.points, beside.axes);
      painter.segments(ends(path, flat), { color: inks.soft, width: 1.2 });
      painter.dots(flat, 5, inks.soft, inks.ground);
    }
    painter.segments(ends(path, at.flat), { color: scene.features.length ? scene.color(scene.features[0]) : inks.soft, width: 1.4, alpha: 0.8 });
  }

  private drawPairs(painter: Painter, scene: Scene, at: Projected): void {
    const inks = theme(), n = scene.cosines.length;
    const order = Array.from({ length: n }, (_, k) => k);
    const depth = (k: number) => at.depth[scene.pairs[2 * k]] + at.depth[scene.pairs[2 * k + 1]];
    order.sort((a, b) => depth(a) - depth(b));
    const crowd = Math.min(1, 250 / Math.max(1, n));
    const focus = this.focus(), least = scene.least?.() ?? 0;
    for (const k of order) {
      if (Math.abs(scene.cosines[k]) < least - 1e-9) continue;
      const [a, b] = [scene.pairs[2 * k], scene.pairs[2 * k + 1]];
      const touched = scene.features[a] === focus || scene.features[b] === focus;
      const strength = Math.abs(scene.cosines[k]);
      const near = 0.5 + 0.25 * (1 + depth(k) / 2);
      painter.segments(ends([a, b], at.flat), {
        color: scene.cosines[k] < 0 ? inks.negative : inks.positive,
        dash: scene.cosines[k] < 0 ? [7, 4] : [],
        width: (0.6 + 2 * strength) * (touched ? 1.5 : 1),
        alpha: touched ? 1 : Math.max(0.12, Math.min(0.85, near * (0.35 + 0.65 * strength) * Math.sqrt(crowd))),
      });
    }
  }

  private drawArms(painter: Painter, scene: Scene, at: Projected, x0: number, y0: number): void {
    const inks = theme();
    const focus = this.focus();
    const order = Array.from(at.depth.keys()).sort((a, b) => at.depth[a] - at.depth[b]);
    painter.dots([x0, y0], 2.5, inks.soft);
    for (const k of order) {
      const [x, y] = [at.flat[2 * k], at.flat[2 * k + 1]];
      const near = Math.max(-1, Math.min(1, at.depth[k]));
      const color = mixed(scene.color(scene.features[k]), inks.ground, 0.4 * Math.max(0, -near));
      const chosen = scene.features[k] === focus;
      painter.segments([x0, y0, x, y], { color, width: chosen ? 3.5 : 2 });
      if (chosen) painter.dots([x, y], 10 + near, inks.ink);
      painter.dots([x, y], (order.length > 80 ? 4.2 : 6.2) + 1.3 * near, color, inks.ground);
    }
  }

  private drawLabels(painter: Painter, scene: Scene, at: Projected): void {
    const inks = theme(), focus = this.focus(), n = at.depth.length;
    const near = Array.from(at.depth.keys()).sort((a, b) => at.depth[b] - at.depth[a]);
    const first = near.filter((k) => scene.features[k] === focus);
    const wanted = [...first, ...(n <= MOST_LABELS ? near.filter((k) => scene.features[k] !== focus) : [])];
    const taken: Box[] = [];
    const tips = near.map((k): Box => [at.flat[2 * k] - 6, at.flat[2 * k + 1] - 6, at.flat[2 * k] + 6, at.flat[2 * k + 1] + 6]);
    const centre = [painter.width / 2, painter.height / 2];
    for (const k of wanted) {
      const chosen = scene.features[k] === focus;
      const text = scene.label(scene.features[k]);
      const [x, y] = [at.flat[2 * k], at.flat[2 * k + 1]];
      const w = painter.measure(text, 12) + 4, h = 15;
      // Outwards from the centre, then around.
      const out = Math.atan2(y - centre[1], x - centre[0]);
      const spots = [0, 0.8, -0.8, 1.6, -1.6, 2.4, -2.4, Math.PI].map((turn) => {
        const [cx, cy] = [Math.cos(out + turn), Math.sin(out + turn)];
        const left = Math.min(painter.width - w - 2, Math.max(2, x + 11 * cx + (cx - 1) * w / 2));
        const top = Math.min(painter.height - h - 2, Math.max(2, y + 11 * cy + (cy - 1) * h / 2));
        return [left, top, left + w, top + h] as Box;
      });
      // Never over another label; over a dot only where there is no other place.
      const costs = spots.map((spot) => 1000 * taken.filter((box) => meet(spot, box)).length + tips.filter((box) => meet(spot, box)).length);
      const least = Math.min(...costs);
      if (least >= 1000 && !chosen) continue;
      const box = spots[costs.indexOf(least)];
      taken.push(box);
      painter.text(box[0] + 2, box[1] + h / 2, text, { size: 12, bold: chosen, halo: true, color: inks.ink });
    }
  }
}

// Pairs of points that are not orthogonal, and their cosines; points much shorter than the longest are none.
export function pairsOf(points: ArrayLike<number>, axes: number, norms: ArrayLike<number>, shortest: number, least: number): [number[], number[]] {
  const pairs: number[] = [], cosines: number[] = [];
  const most = Math.max(1e-9, ...Array.from(norms));
  const there = Array.from(norms, (_, i) => i).filter((i) => norms[i] > shortest * most);
  for (const i of there.length <= MOST_PAIRED ? there : []) for (const j of there) {
    if (j <= i) continue;
    let product = 0;
    for (let a = 0; a < axes; a++) product += points[i * axes + a] * points[j * axes + a];
    const cosine = product / Math.max(1e-12, norms[i] * norms[j]);
    if (Math.abs(cosine) < least) continue;
    pairs.push(i, j);
    cosines.push(cosine);
  }
  return [pairs, cosines];
}

type Box = [number, number, number, number];
const meet = (a: Box, b: Box) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];

interface Projected { flat: Float32Array; depth: Float32Array }

function ends(pairs: ArrayLike<number>, flat: Float32Array): Float32Array {
  const out = new Float32Array(2 * pairs.length);
  for (let k = 0; k < pairs.length; k++) {
    out[2 * k] = flat[2 * pairs[k]];
    out[2 * k + 1] = flat[2 * pairs[k] + 1];
  }
  return out;
}

function ring(painter: Painter, x: number, y: number, r: number, color: string): void {
  const points: number[] = [];
  for (let k = 0; k < 20; k++) points.push(x + r * Math.cos((Math.PI * k) / 10), y + r * Math.sin((Math.PI * k) / 10));
  painter.outline(points, { color, width: 1.2 });
}

function scaled(ideal: Ideal, length: number): Float32Array {
  return Float32Array.from(ideal.points, (value) => value * length);
}

function longest(points: ArrayLike<number>, axes: number): number {
  let most = 0;
  for (let k = 0; k < points.length; k += axes) {
    let sum = 0;
    for (let a = 0; a < axes; a++) sum += points[k + a] ** 2;
    most = Math.max(most, sum);
  }
  return Math.sqrt(most);
}
