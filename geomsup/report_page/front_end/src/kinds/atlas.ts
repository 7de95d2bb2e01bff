// The page of the atlas: payload of atlas.py.

import { dressed, footing, heading, slider } from "../chrome";
import { PALETTE, visible } from "../colours";
import { Curves, type Course, type Curve, type Plot } from "../curves";
import { count, counted, el, fixed, short } from "../dom";
import { Periodic, along, optimumOf, type Cell, type Phase } from "../periodic";
import type { Panel } from "../panel";
import type { Payload } from "../payload";
import { Solid, pairsOf, type Scene } from "../solid";
import { Store } from "../store";
import { Table, tabs, type Listing } from "../table";

// Pairs with a smaller |cosine| are not drawn; a feature shorter than this share of the longest is dropped.
const LEAST = 0.05, DROPPED = 1e-3;
const FIRST = { n: 8, m: 3 };
// A feature probability, with as many digits as a boundary is read with.
const probability = (p: number) => String(+p.toPrecision(6));
const rounded = (p: number) => String(+p.toPrecision(3));

export function atlas(payload: Payload, root: HTMLElement): void {
  new Atlas(payload).mount(root);
}

// One configuration of a cell, at one feature probability.
interface Node { phase: number; p: number; at: number; points: number; level: number }

class Atlas {
  private readonly store = new Store();
  private readonly cells: Cell[];
  private readonly phases: Phase[];
  private readonly nodes: Node[][]; // of each cell, as p grows
  private readonly periodic: Periodic;
  private readonly solid: Solid;
  private readonly curves: Curves[];
  private readonly detail = el("section", { class: "card", "aria-label": "Phase" });
  private scene: Scene | null = null;
  private hovered = -1; // a phase

  constructor(private readonly payload: Payload) {
    const { words, arrays } = payload;
    [this.cells, this.phases] = [words.cells, words.phases];
    this.nodes = this.cells.map(() => []);
    let [at, points, level] = [0, 0, 0];
    this.phases.forEach(({ cell }, phase) => {
      const { n, m } = this.cells[cell];
      for (let k = 0; k < arrays.n_nodes[phase]; k++, at++, points += n * m, level += n) this.nodes[cell].push({ phase, p: arrays.p[at], at, points, level });
    });
    const first = Math.max(0, this.cells.findIndex(({ n, m }) => n === FIRST.n && m === FIRST.m));
    Object.assign(this.store.now, { group: first, step: this.near(first, 0.1), feature: -1 });
    this.periodic = new Periodic(this.cells, this.phases, () => ({ cell: this.store.now.group, p: this.node.p }),
      (cell, p) => this.go(cell, p), (phase) => {
        if (this.hovered === phase) return;
        this.hovered = phase;
        this.told?.();
      });
    this.solid = this.shape();
    this.curves = this.plots().map((plot) => new Curves(this.course(), plot));
  }

  private told: (() => void) | null = null;

  private get node(): Node {
    return this.nodes[this.store.now.group][this.store.now.step];
  }

  // The node of a cell that stands for a feature probability: the nearest of its phase.
  private near(cell: number, p: number): number {
    const own = this.nodes[cell];
    const within = own.filter(({ phase }) => this.phases[phase].low < p && p <= this.phases[phase].high);
    let best = within.length ? within[0] : own[0];
    for (const node of within) if (Math.abs(along(node.p) - along(p)) < Math.abs(along(best.p) - along(p))) best = node;
    return own.indexOf(best);
  }

  private go(cell: number, p: number): void {
    this.store.set({ group: cell, step: this.near(cell, p), feature: -1 });
  }

  mount(root: HTMLElement): void {
    const { store, payload, cells } = this;
    const tables = this.listings().map((one) => new Table(one));
    const at = slider("p", 1, (value) => store.set({ step: value }));
    const which = el("select", { "aria-label": "Size of model" });
    cells.forEach(({ n, m }, k) => which.append(el("option", { value: k }, `${n} features in ${m}`)));
    which.addEventListener("change", () => this.go(Number(which.value), this.node.p));
    const name = el("p", { class: "name", role: "status", "aria-live": "polite" });
    const readout = el("p", { class: "readout" });
    const bar = el("div", { class: "bar" }, ...(cells.length > 1 ? [which] : []), at.root, name, readout);
    root.replaceChildren(heading(payload), bar, el("div", { class: "grid" },
      el("div", { class: "wide" }, this.periodic.panel.root), this.solid.panel.root, this.detail, tabs(tables).root,
      ...this.curves.map((one) => one.panel.root)), footing(payload));
    const told = (this.told = () => {
      const { group, step } = store.now, { p, phase } = this.node, i = store.focus;
      at.input.max = String(this.nodes[group].length - 1);
      at.input.value = String(step);
      at.said.textContent = rounded(p);
      at.input.setAttribute("aria-valuetext", `p ${rounded(p)}: ${this.phases[phase].name}`);
      which.value = String(group);
      name.textContent = this.phases[phase].name + (this.phases[phase].exact ? " ★" : "");
      readout.textContent = this.hovered >= 0 ? this.said(this.hovered) : i >= 0 ? `feature ${i}: norm ${fixed(this.norm(i))}, D ${fixed(this.level(i))}, bias ${fixed(this.bias(i))}` : this.said(phase);
    });
    const panels: Panel[] = [this.periodic.panel, this.solid.panel, ...this.curves.map((one) => one.panel)];
    const shown = (anew: boolean) => {
      this.look(anew);
      this.describe();
      const { n, m } = cells[store.now.group];
      this.solid.panel.title = `${n} features in ${m}, p = ${rounded(this.node.p)}: ${this.phases[this.node.phase].name}`;
      if (anew) this.plots().forEach((plot, k) => this.curves[k].show(this.course(), plot));
    };
    store.listen((changed) => {
      if (changed.has("group") || changed.has("step")) shown(changed.has("group"));
      told();
      for (const panel of panels) panel.now();
      if (changed.has("group") || changed.has("step")) for (const table of tables) if (!table.root.hidden) table.reveal();
    });
    dressed(panels, () => tables.forEach((table) => table.refresh()));
    shown(true);
    told();
  }

  private said(k: number): string {
    const { cell, low, high, name, thomson, exact } = this.phases[k], { n, m } = this.cells[cell];
    return `${n} features in ${m}, ${rounded(low)} < p < ${rounded(high)}: ${name}${thomson ? `; ${exact ? "Thomson optimum" : "shape of the Thomson optimum, with other angles"}: ${thomson}` : ""}`;
  }

  private point(i: number, a: number, { points } = this.node): number {
    const { m } = this.cells[this.store.now.group];
    return this.payload.arrays.points[points + i * m + a];
  }

  private norm(i: number, node = this.node): number {
    const { m } = this.cells[this.store.now.group];
    return Math.hypot(...Array.from({ length: m }, (_, a) => this.point(i, a, node)));
  }

  private level(i: number, { level } = this.node): number {
    return this.payload.arrays.level[level + i];
  }

  private bias(i: number): number {
    return this.payload.arrays.bias[this.node.level + i];
  }

  private color(i: number): string {
    return visible(PALETTE[i % PALETTE.length]);
  }

  private shape(): Solid {
    const { store } = this;
    return new Solid(
      {
        title: "The optimum", file: "optimum", height: 430,
        described: () => this.said(this.node.phase),
        table: () => {
          const { n, m } = this.cells[store.now.group];
          const axes = Array.from({ length: m }, (_, a) => a);
          return {
            header: ["feature", "norm", "D", "bias", ...axes.map((a) => `x${a + 1}`)],
            rows: Array.from({ length: n }, (_, i) => [i, fixed(this.norm(i)), fixed(this.level(i)), fixed(this.bias(i)), ...axes.map((a) => fixed(this.point(i, a), 4))]),
          };
        },
        help: "Drag, pinch or use the arrow keys to turn; + and − zoom. Solid lines: positive cosine; dashed: negative. Features of one direction lie on each other; dropped ones are at the centre.",
      },
      () => this.scene, () => store.focus, (feature, click) => store.set(click ? { feature } : { hover: feature }), false,
    );
  }

  private look(anew: boolean): void {
    const { group } = this.store.now, { n, m } = this.cells[group], { points } = this.node;
    const own = this.payload.arrays.points.subarray(points, points + n * m);
    const norms = Array.from({ length: n }, (_, i) => this.norm(i));
    const [pairs, cosines] = pairsOf(own, m, norms, DROPPED, LEAST);
    const reach = Math.max(...this.nodes[group].flatMap((node) => Array.from({ length: n }, (_, i) => this.norm(i, node))));
    this.scene = {
      features: Array.from({ length: n }, (_, i) => i), axes: m, points: own, ideal: null, length: 1, pairs, cosines, reach,
      color: (i) => this.color(i), label: (i) => String(i),
    };
    if (anew) this.solid.reset();
  }

  private course(): Course {
    const { store } = this;
    return {
      steps: this.nodes[store.now.group].map(({ p }) => p), along, marks: () => [0.001, 0.01, 0.1, 1], say: rounded, unit: "p",
      now: () => store.now.step, focus: () => store.focus, shade: visible,
      move: (step) => store.set({ step }), hover: (hover) => store.set({ hover }),
    };
  }

  private plots(): Plot[] {
    const own = this.nodes[this.store.now.group], { n } = this.cells[this.store.now.group], { loss } = this.payload.arrays;
    const of = (value: (i: number, node: Node) => number) => Array.from({ length: n }, (_, i): Curve => ({
      values: (k) => value(i, own[k]), color: () => this.color(i), name: String(i), feature: i,
    }));
    const spans = [...new Set(own.map(({ phase }) => phase))].map((k) => ({ name: this.phases[k].name, start: this.phases[k].low, stop: this.phases[k].high, color: this.phases[k].color }));
    // Inputs are uniform in [0, 1] where they are there: an output of zero costs p/3 for each feature.
    const shares: Curve = { values: (k) => loss[own[k].at] / ((n * own[k].p) / 3), color: () => visible("#222222"), name: "loss", feature: -2 };
    return [
      { title: "Norms, along p", file: "norms", height: 240, label: "norm", curves: of((i, node) => this.norm(i, node)), spans, bands: [] },
      { title: "Dimensionality, along p", file: "dimensionality", height: 240, label: "D", curves: of((i, node) => this.level(i, node)), spans, bands: [] },
      { title: "Loss, as a share of that of an output of zero", file: "loss", height: 220, label: "loss / (n p / 3)", curves: [shares], spans, bands: [], most: 0 },
    ];
  }

  private describe(): void {
    const { phase: k, at, p } = this.node, phase = this.phases[k], { n, m } = this.cells[phase.cell], { arrays } = this.payload;
    const next = this.payload.words.next[at] as string;
    const own = this.nodes[phase.cell], first = own.findIndex((node) => node.phase === k);
    const step = (to: number, text: string, title: string) => el("button", { type: "button", title, "aria-label": title, disabled: !own[to], click: () => this.store.set({ step: to }) }, text);
    const last = first + own.filter((node) => node.phase === k).length;
    const lines: [string, string][] = [
      ["phase", `${probability(phase.low)} < p < ${probability(phase.high)}${phase.ends ? `, ends ${phase.ends}` : ""}`],
      ["Thomson", phase.exact ? `★ its directions are the Thomson optimum: ${phase.thomson}` : phase.thomson ? `its shape is that of the Thomson optimum, ${phase.thomson}, with other angles` : "no Thomson optimum"],
      ["symmetry", `order ${count(phase.symmetry)}`],
      ["dropped", count(phase.dropped)],
      ["loss", `${arrays.loss[at].toPrecision(10)} at p = ${rounded(p)}`],
      ["Hessian", `smallest eigenvalue ${short(arrays.smallest_eigenvalue[at])}, ${counted(arrays.zero_modes[at], "zero mode")}`],
      ["status", phase.status],
      ["met by", `${count(phase.met)} of ${count(phase.starts)} starts in this phase, at least`],
      ...(next ? [["next", next] as [string, string]] : []),
    ];
    this.detail.replaceChildren(
      el("header", {}, el("h2", {}, `${n} features in ${m}: ${phase.name}`), el("div", { class: "tools" }, step(first - 1, "‹", "phase of smaller p"), step(last, "›", "phase of larger p"))),
      el("dl", {}, ...lines.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)])),
    );
  }

  private listings(): Listing[] {
    const { cells, phases, store } = this;
    const size = (at: (k: number) => number) => [
      { name: "features", text: (k: number) => String(cells[at(k)].n), key: (k: number) => cells[at(k)].n },
      { name: "dimensions", text: (k: number) => String(cells[at(k)].m), key: (k: number) => cells[at(k)].m },
    ];
    const number = (name: string, of: (k: number) => number, meaning = "") => ({ name, meaning, text: (k: number) => count(of(k)), key: of });
    const p = (name: string, of: (k: number) => number) => ({ name, text: (k: number) => probability(of(k)), key: of });
    const words = (name: string, of: (k: number) => string, meaning = "") => ({ name, meaning, left: true, text: (k: number) => of(k) || "–", key: (k: number) => of(k) || null });
    const optima = (k: number) => [...new Set(phases.filter((one) => one.cell === k && one.thomson).sort((a, b) => Number(b.exact) - Number(a.exact)).map(optimumOf))].join(", ");
    const all = (k: number) => phases.filter((one) => one.cell === k).map((one) => one.name).join(" → ");
    const middle = (k: number) => Math.sqrt(Math.max(phases[k].low, 1e-6) * phases[k].high);
    const thomson = "the Thomson optimum that all its directions together are";
    return [
      {
        name: "Phases", file: "phases", n: phases.length,
        columns: [
          words("configuration", (k) => phases[k].name), ...size((k) => phases[k].cell),
          p("from p", (k) => phases[k].low), p("to p", (k) => phases[k].high), words("ends", (k) => phases[k].ends, "how it gives way to the next"),
          words("Thomson optimum", (k) => optimumOf(phases[k]), thomson),
          number("symmetry", (k) => phases[k].symmetry, "permutations that keep everything"), number("dropped", (k) => phases[k].dropped),
        ],
        search: (k) => `${cells[phases[k].cell].n} in ${cells[phases[k].cell].m} ${phases[k].name} ${phases[k].ends} ${phases[k].exact ? `thomson ${phases[k].thomson}` : ""}`.toLowerCase(),
        color: (k) => visible(phases[k].color), chosen: () => this.node.phase, choose: (k) => this.go(phases[k].cell, middle(k)),
      },
      {
        name: "Sizes", file: "sizes", n: cells.length,
        columns: [
          ...size((k) => k), words("Thomson optima", optima, thomson), number("phases", (k) => phases.filter((one) => one.cell === k).length),
          number("starts", (k) => cells[k].starts, "of all searches"), words("as p grows", all),
        ],
        search: (k) => `${cells[k].n} in ${cells[k].m} ${all(k)} ${phases.some((one) => one.cell === k && one.exact) ? "thomson" : ""}`.toLowerCase(),
        chosen: () => store.now.group, choose: (k) => this.go(k, this.node.p),
      },
    ];
  }
}
