// Views of one set of features that show the same choice: what pages of reports and censuses share.

import { dressed, footing, heading, quoted, search, slider } from "./chrome";
import { Cosines } from "./cosines";
import { Detail } from "./detail";
import { count, el, fixed, short } from "./dom";
import { Forest } from "./forest";
import { Graph } from "./graph";
import { Levels } from "./levels";
import { Model, type Group, type Sets } from "./model";
import { Panel } from "./panel";
import type { Payload } from "./payload";
import { Solid, type Scene } from "./solid";
import { Store } from "./store";
import { Table, tabs, type Listing } from "./table";

const MOST_EDGES = 1500;
// Features of a set that its row shows, and that its filter looks at.
const LISTED = 12, SEARCHED = 50;
const RENEWED_MS = 150;

export class Linked {
  readonly model: Model;
  readonly store = new Store();
  readonly detail: Detail;
  readonly solid: Solid;
  readonly forest: Forest;
  readonly graph: Graph;
  readonly levels: Levels;
  readonly cosines: Cosines;
  readonly panels: Panel[];
  private scene: Scene | null = null;

  constructor(readonly payload: Payload) {
    const model = (this.model = new Model(payload));
    const { store } = this;
    this.detail = new Detail(model, store);
    this.solid = new Solid(
      {
        title: "In its own span", file: "component", height: 430,
        described: () => this.described(),
        table: () => this.places(),
        help: "Drag, pinch or use the arrow keys to turn; + and − zoom. Rings and dots: the ideal shape. Solid lines: positive cosine; dashed: negative.",
      },
      () => this.scene, () => store.focus,
      (feature, click) => store.set(click ? { feature } : { hover: feature }),
    );
    this.forest = new Forest(model, store, payload.words.whole);
    this.graph = new Graph(model, store);
    this.levels = new Levels(model, store, this.forest.order);
    this.cosines = new Cosines(model, store);
    this.panels = [this.solid.panel, this.forest.panel, this.graph.panel, this.levels.panel, this.cosines.panel];
  }

  get group(): Group | null {
    return this.model.groups[this.store.now.group] ?? null;
  }

  // Put everything on the page, tables first, and keep it in step.
  mount(root: HTMLElement, listings: Listing[], before: Panel[] = []): void {
    const { model, store } = this;
    const sets = this.sets();
    const tables = [...listings, sets].map((listing) => new Table(listing));
    const lists = tabs(tables), own = tables.length - 1;
    const cut = slider("|cosine| ≥", 1000, (value) => store.set({ cut: value / 1000 }));
    const reported = el("button", { type: "button", title: "the sets of the report", click: () => store.set({ cut: null }) }, "as reported");
    const readout = el("p", { class: "readout", role: "status", "aria-live": "polite" });
    const only = el("button", { type: "button", "aria-pressed": "false", title: "the chosen component alone" }, "Chosen");
    let alone = false;
    only.addEventListener("click", () => {
      alone = !alone;
      only.setAttribute("aria-pressed", String(alone));
      this.forest.look(alone ? store.now.group : -1);
    });
    this.forest.panel.tools.prepend(only);
    const bar = el("div", { class: "bar" }, search(model, (feature) => store.set({ feature, group: Math.max(-1, model.owner[feature]) })), cut.root, reported, readout);
    root.replaceChildren(heading(this.payload), bar, el("div", { class: "grid" },
      ...before.map((panel) => panel.root), lists.root, ...this.views()), footing(this.payload));
    const all = [...this.panels, ...before];
    const told = () => {
      const now = model.cut(store.now.cut);
      cut.input.value = String(Math.round(1000 * this.forest.cut));
      cut.said.textContent = `${fixed(this.forest.cut, 3)}: ${count(now.n)} ${now.n === 1 ? "set" : "sets"}`;
      reported.disabled = store.now.cut === null;
      readout.textContent = this.said();
    };
    // Rows of sets at once, and then every so often while the slider moves.
    let last = -Infinity, timer = 0;
    const renewed = () => {
      window.clearTimeout(timer);
      const left = last + RENEWED_MS - performance.now();
      if (left > 0) {
        timer = window.setTimeout(renewed, left);
        return;
      }
      tables[own].reload();
      last = performance.now();
    };
    store.listen((changed) => {
      if (changed.has("group")) {
        this.chosen();
        if (alone) this.forest.look(store.now.group);
      }
      told();
      if (changed.has("cut")) {
        this.detail.recut();
        // Sets stand where the components of the report stood, as long as a threshold is chosen.
        if (store.now.cut !== null && lists.shown() === 0) lists.show(own);
        else if (store.now.cut === null && lists.shown() === own) lists.show(0);
        sets.renew();
        lists.recount();
        if (!tables[own].root.hidden) renewed();
      }
      this.detail.mark();
      for (const panel of all) panel.now();
      for (const table of tables) {
        if (table.root.hidden) continue;
        if (changed.has("group") || changed.has("feature")) table.reveal();
        else if (changed.has("cut") && table !== tables[own]) table.recolour();
        if (changed.has("hover")) table.touch();
      }
    });
    dressed(all, () => {
      model.forgetColours();
      sets.renew();
      this.detail.recut();
      for (const table of tables) table.refresh();
    });
    window.addEventListener("beforeprint", () => tables.forEach((table) => table.print(true)));
    window.addEventListener("afterprint", () => tables.forEach((table) => table.print(false)));
    if (model.groups.length) store.set({ group: 0 });
    told();
  }

  // Without components there is nothing to turn.
  private views(): HTMLElement[] {
    const [forest, levels] = [this.forest.panel.root, this.levels.panel.root];
    if (!this.model.groups.length) return [forest, levels];
    return [this.solid.panel.root, this.detail.root, forest, this.graph.panel.root, levels, this.cosines.panel.root];
  }

  // The table of features, which both kinds of pages have.
  features(more: Listing["columns"] = []): Listing {
    const { model, store } = this;
    const labelled = model.labels ? [{ name: "label", left: true, label: true, text: (i: number) => model.raw(i), key: (i: number) => model.raw(i) }] : [];
    const columns: Listing["columns"] = [
      { name: "feature", left: true, text: (i) => String(model.number(i)), key: (i) => model.number(i) },
      ...labelled,
      { name: "norm", text: (i) => fixed(model.norm[i]), key: (i) => model.norm[i] },
      { name: "D", meaning: "dimensionality", text: (i) => fixed(model.level[i]), key: (i) => model.level[i] },
      ...more,
      { name: "in", left: true, text: (i) => model.where(i), key: (i) => (model.owner[i] < 0 ? null : model.where(i)) },
    ];
    return {
      name: "Features", file: "features", n: model.n, columns,
      search: (i) => `${model.number(i)} ${model.raw(i).toLowerCase()} ${model.where(i).toLowerCase()}`,
      color: (i) => model.color(i, model.cut(store.now.cut)),
      chosen: () => store.now.feature,
      choose: (i) => store.set({ feature: i, group: Math.max(-1, model.owner[i]) }),
      hover: (i) => store.set({ hover: i }),
      near: () => store.now.hover,
    };
  }

  components(): Listing {
    const { model, store } = this;
    const { groups } = model;
    const words = new Set(["name", "runner-up", "features", "about"]);
    const named = this.payload.words.columns as { name: string; meaning: string }[];
    return {
      name: "Components", file: "components", n: groups.length,
      columns: named.map(({ name, meaning }, c) => ({
        name, meaning, left: words.has(name), label: name === "features",
        text: (k: number) => groups[k].row[c],
        key: (k: number) => groups[k].keys[c],
      })),
      // Without the runner-up: whoever looks for "irregular" means what is irregular.
      search: (k) => [...groups[k].row.filter((_, c) => named[c].name !== "runner-up"), ...(model.labels ? Array.from(groups[k].members.subarray(0, 50), (i) => model.raw(i)) : [])].join(" ").toLowerCase(),
      color: (k) => model.shade(k),
      chosen: () => store.now.group,
      choose: (k) => store.set({ group: k, feature: groups[k].members[0] }),
      near: () => (store.now.hover < 0 ? -1 : model.owner[store.now.hover]),
      // All of its features, where the cell has the first.
      whole: (k) => groups[k].row.map((text, c) => (named[c].name === "features" ? Array.from(groups[k].members, (i) => model.number(i)).join(" ") : text)),
    };
  }

  // The sets of two and more features at the threshold that is chosen.
  private sets(): Listing & { renew: () => void } {
    const { model, store } = this;
    let now: Sets | null = null;
    const members = (k: number) => {
      now ??= model.sets(model.cut(store.now.cut));
      // A row that was there before the slider moved may be no set any more.
      return now.members[k] ?? new Int32Array(0);
    };
    const names = (k: number, most: number) => Array.from(members(k).subarray(0, most), (i) => model.called(i)).join(", ");
    const homes = (k: number) => [...new Set(Array.from(members(k).subarray(0, SEARCHED), (i) => model.where(i)))].join(", ");
    const listing = {
      name: "Sets", file: "sets", n: model.cut(null).n, height: Math.max(3, model.groups.length),
      help: "Features that hang together at the |cosine| of the slider, the largest sets first; features by themselves are left out.",
      columns: [
        { name: "features", meaning: "how many", text: (k: number) => count(members(k).length), key: (k: number) => members(k).length },
        { name: "in the report", left: true, text: homes, key: homes },
        { name: "which", left: true, label: true, text: (k: number) => `${names(k, LISTED)}${members(k).length > LISTED ? ` and ${members(k).length - LISTED} more` : ""}`, key: (k: number) => members(k)[0] },
      ],
      search: (k: number) => `${names(k, SEARCHED)} ${homes(k)}`.toLowerCase(),
      color: (k: number) => model.color(members(k)[0], model.cut(store.now.cut)),
      chosen: () => -1,
      choose: (k: number) => members(k).length && store.set({ feature: members(k)[0], group: Math.max(-1, model.owner[members(k)[0]]) }),
      hover: (k: number) => store.set({ hover: k < 0 ? -1 : members(k)[0] ?? -1 }),
      whole: (k: number) => [String(members(k).length), homes(k), Array.from(members(k), (i) => model.number(i)).join(" ")],
      renew: () => {
        now = null;
        listing.n = model.cut(store.now.cut).n;
      },
    };
    return listing;
  }

  private chosen(): void {
    const { group } = this;
    this.scene = group && this.sceneOf(group);
    this.solid.panel.title = group ? `${group.label}, in its own span` : "In its own span";
    this.solid.reset();
    this.detail.show(group);
    this.cosines.show(group);
    // No taller than the grid needs.
    const n = Math.min(160, group?.members.length ?? 0);
    this.cosines.panel.resize(Math.max(260, Math.min(420, 70 + 40 * n)));
  }

  private sceneOf(group: Group): Scene | null {
    const { model, store } = this;
    const place = new Map(Array.from(group.members, (i, m) => [i, m]));
    const found = new Set<number>();
    for (const i of group.members) for (const e of model.edgesOf(i)) if (place.has(model.edges[2 * e]) && place.has(model.edges[2 * e + 1])) found.add(e);
    const strongest = [...found].sort((a, b) => Math.abs(model.cosines[b]) - Math.abs(model.cosines[a])).slice(0, MOST_EDGES);
    // Where nobody told where the features are, they stand where their shape has its vertices.
    const axes = group.points ? group.axes : group.ideal?.axes ?? 0;
    const points = group.points ?? (group.ideal && Float32Array.from({ length: group.members.length * axes }, (_, k) =>
      group.length * group.ideal!.points[group.vertices[Math.floor(k / axes)] * axes + (k % axes)]));
    if (!points || !axes) return null;
    return {
      features: group.members, axes, points, ideal: group.ideal, length: group.length,
      pairs: strongest.flatMap((e) => [place.get(model.edges[2 * e])!, place.get(model.edges[2 * e + 1])!]),
      cosines: strongest.map((e) => model.cosines[e]),
      color: (i) => model.color(i, model.cut(store.now.cut)),
      label: (i) => model.called(i),
      least: () => store.now.cut ?? 0,
    };
  }

  private said(): string {
    const { model, store } = this, i = store.focus;
    if (i < 0) return model.groups.length ? "Point at a feature anywhere to see it everywhere." : "";
    const { set, size } = model.cut(store.now.cut);
    const together = store.now.cut === null ? model.where(i) : size[set[i]] > 1 ? `with ${size[set[i]] - 1} others at this threshold` : "alone at this threshold";
    return `feature ${quoted(model, i)}: norm ${fixed(model.norm[i])}, D ${fixed(model.level[i])}, ${together}`;
  }

  private described(): string {
    const { group } = this;
    if (!group) return "no component is chosen";
    return `${group.head}; ${group.points ? `${group.axes} axes` : "features stand on the vertices of the ideal"}${group.ideal ? ", over the ideal shape" : ""}`;
  }

  private places() {
    const { group, model, scene } = this;
    if (!group || !scene) return { header: ["feature"], rows: [] };
    const header = ["feature", "vertex", "norm", "D", ...Array.from({ length: scene.axes }, (_, a) => `x${a + 1}`)];
    const rows = Array.from(group.members, (i, m) => [
      model.called(i), group.vertices[m], fixed(model.norm[i]), fixed(model.level[i]),
      ...Array.from({ length: scene.axes }, (_, a) => short(scene.points[m * scene.axes + a])),
    ]);
    return { header, rows };
  }
}
