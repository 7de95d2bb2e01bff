// Features, the groups they form, the pairs that interfere, and the forest in which they merge.

import { ALONE, mixed, others, separated, visible } from "./colours";
import { tame } from "./dom";
import type { Payload } from "./payload";

export interface Words {
  name: string; label: string; color: string; row: string[]; keys: (string | number | null)[];
  head: string; lines: [string, string][];
}

export interface Ideal { n: number; axes: number; points: ArrayLike<number>; edges: ArrayLike<number>; faces: ArrayLike<number> }

export interface Group extends Words {
  index: number; members: Int32Array; vertices: Int32Array; axes: number; points: Float32Array | null;
  ideal: Ideal | null; length: number;
}

export interface Cut {
  set: Int32Array; // of each feature
  size: Int32Array; // of each set
  color: string[]; // of each set
  n: number; // sets of two features or more
}

// Features by their set, the largest first and then by their first feature; single ones are left out.
export interface Sets { members: Int32Array[]; color: string[] }

export class Model {
  readonly n: number;
  readonly norm: Float32Array;
  readonly level: Float32Array;
  readonly owner: Int32Array; // group of each feature; -1 none, -2 not represented
  readonly groups: Group[];
  readonly edges: Int32Array;
  readonly cosines: Float32Array;
  readonly merges: Int32Array;
  readonly heights: Float32Array;
  readonly numbers: ArrayLike<number> | null;
  readonly labels: string[] | null;
  private shades: string[] | null = null;
  private cutAt: number | null | undefined;
  private cutNow!: Cut;
  private places: Map<number, number> | null = null;
  private links: { start: Int32Array; of: Int32Array } | null = null;

  constructor(readonly payload: Payload) {
    const { words, arrays } = payload;
    this.norm = arrays.norm as Float32Array;
    this.level = arrays.level as Float32Array;
    this.n = this.norm.length;
    this.numbers = arrays.number ?? null;
    this.labels = words.labels;
    this.edges = arrays.edge as Int32Array;
    this.cosines = arrays.edge_cosine as Float32Array;
    this.merges = arrays.merge as Int32Array;
    this.heights = arrays.merge_height as Float32Array;
    this.groups = groupsOf(payload);
    this.owner = new Int32Array(this.n).fill(-1);
    const stored = arrays.represented;
    if (stored) for (let i = 0; i < this.n; i++) if (!stored[i]) this.owner[i] = -2;
    for (const group of this.groups) for (const i of group.members) this.owner[i] = group.index;
  }

  number(i: number): number {
    return this.numbers ? this.numbers[i] : i;
  }

  position(number: number): number {
    const { numbers } = this;
    if (!numbers) return number < this.n ? number : -1;
    this.places ??= new Map(Array.from(numbers, (own, i) => [own, i]));
    return this.places.get(number) ?? -1;
  }

  // The label as it is, which may be anything; "" for none.
  raw(i: number): string {
    return this.labels?.[i] ?? "";
  }

  // What a picture calls a feature.
  called(i: number, most = 24): string {
    return tame(this.raw(i), most) || String(this.number(i));
  }

  groupOf(i: number): Group | null {
    return i >= 0 && this.owner[i] >= 0 ? this.groups[this.owner[i]] : null;
  }

  where(i: number): string {
    const group = this.groupOf(i);
    return group ? group.label : this.owner[i] === -2 ? "dropped" : "in no structure";
  }

  // Edges of a feature, as numbers of edges.
  edgesOf(i: number): Int32Array {
    if (!this.links) {
      const start = new Int32Array(this.n + 1);
      for (const f of this.edges) start[f + 1]++;
      for (let k = 0; k < this.n; k++) start[k + 1] += start[k];
      const next = start.slice();
      const of = new Int32Array(this.edges.length);
      for (let k = 0; k < this.edges.length; k++) of[next[this.edges[k]]++] = k >> 1;
      this.links = { start, of };
    }
    return this.links.of.subarray(this.links.start[i], this.links.start[i + 1]);
  }

  cosine(i: number, j: number): number | null {
    for (const k of this.edgesOf(i)) if (this.edges[2 * k] === j || this.edges[2 * k + 1] === j) return this.cosines[k];
    return null;
  }

  // Sets that hang together at a threshold; those of the report at null.
  cut(threshold: number | null): Cut {
    if (this.cutAt === threshold && this.cutNow) return this.cutNow;
    this.cutAt = threshold;
    const set = threshold === null ? this.asReported() : this.linked(threshold);
    this.cutNow = this.coloured(set, threshold === null);
    return this.cutNow;
  }

  // The colour of a group of the report, apart from those of other groups on any ground.
  shade(group: number): string {
    this.shades ??= separated(this.groups.map((one) => one.color));
    return this.shades[group];
  }

  sets(cut: Cut): Sets {
    const members: Int32Array[] = new Array(cut.size.length);
    const filled = new Int32Array(cut.size.length);
    for (let i = 0; i < this.n; i++) {
      const s = cut.set[i];
      if (cut.size[s] < 2) continue;
      (members[s] ??= new Int32Array(cut.size[s]))[filled[s]++] = i;
    }
    const kept = Array.from(members.keys()).filter((s) => members[s]).sort((a, b) => cut.size[b] - cut.size[a] || members[a][0] - members[b][0]);
    return { members: kept.map((s) => members[s]), color: kept.map((s) => cut.color[s]) };
  }

  color(i: number, cut: Cut): string {
    return cut.color[cut.set[i]];
  }

  private asReported(): Int32Array {
    const set = new Int32Array(this.n);
    let next = this.groups.length;
    for (let i = 0; i < this.n; i++) set[i] = this.owner[i] >= 0 ? this.owner[i] : next++;
    return set;
  }

  private linked(threshold: number): Int32Array {
    const parent = Int32Array.from({ length: this.n }, (_, i) => i);
    const root = (i: number) => {
      while (parent[i] !== i) i = parent[i] = parent[parent[i]];
      return i;
    };
    for (let k = 0; k < this.heights.length && this.heights[k] >= threshold; k++) {
      const [a, b] = [root(this.merges[2 * k]), root(this.merges[2 * k + 1])];
      if (a !== b) parent[Math.max(a, b)] = Math.min(a, b);
    }
    const number = new Int32Array(this.n).fill(-1);
    let next = 0;
    const set = new Int32Array(this.n);
    for (let i = 0; i < this.n; i++) {
      const r = root(i);
      if (number[r] < 0) number[r] = next++;
      set[i] = number[r];
    }
    return set;
  }

  // The largest piece of a component keeps its colour; smaller ones get others, single features grey.
  private coloured(set: Int32Array, reported: boolean): Cut {
    let n = 0;
    for (const s of set) n = Math.max(n, s + 1);
    const size = new Int32Array(n);
    for (const s of set) size[s]++;
    const color: string[] = new Array(n).fill(ALONE);
    const heir = new Int32Array(this.groups.length).fill(-1);
    if (!reported) for (let i = 0; i < this.n; i++) {
      const home = this.owner[i];
      if (home >= 0 && (heir[home] < 0 || size[set[i]] > size[heir[home]])) heir[home] = set[i];
    }
    const home = new Int32Array(n).fill(-1);
    for (let i = 0; i < this.n; i++) {
      const own = this.owner[i], s = set[i];
      if (own >= 0 && (home[s] < 0 || own < home[s])) home[s] = own;
    }
    let several = 0;
    const faded: string[] = [], pieces: number[] = [], kept: string[] = [];
    for (let s = 0; s < n; s++) {
      if (size[s] > 1) several++;
      const group = home[s] < 0 ? null : this.groups[home[s]];
      if (group && (reported || heir[group.index] === s) && (size[s] > 1 || group.members.length === 1)) {
        color[s] = this.shade(group.index);
        kept.push(color[s]);
      } else if (size[s] > 1) pieces.push(s);
      else if (group) color[s] = faded[group.index] ??= mixed(group.color, ALONE, 0.7);
    }
    const fresh = others(kept, pieces.length);
    pieces.forEach((s, k) => (color[s] = fresh[k % fresh.length]));
    return { set, size, color: color.map(visible), n: several };
  }

  forgetColours(): void {
    this.shades = null;
    this.cutAt = undefined;
  }

  // Where a group first falls apart when the threshold rises, and into which features.
  split(group: Group): { at: number; parts: number[][] } | null {
    const inside = new Set(group.members);
    if (inside.size < 2) return null;
    const own: number[] = [];
    for (let k = 0; k < this.heights.length; k++) {
      if (inside.has(this.merges[2 * k]) && inside.has(this.merges[2 * k + 1])) own.push(k);
    }
    if (own.length !== inside.size - 1) return null;
    const at = this.heights[own[own.length - 1]];
    const parent = new Map<number, number>();
    const root = (i: number): number => (parent.has(i) ? root(parent.get(i)!) : i);
    for (const k of own) if (this.heights[k] > at + 1e-6) parent.set(root(this.merges[2 * k]), root(this.merges[2 * k + 1]));
    return { at, parts: grouped(inside, root) };
  }

  // The features of a group by the sets of a threshold, the largest first.
  pieces(group: Group, cut: Cut): number[][] {
    return grouped(group.members, (i) => cut.set[i]);
  }
}

// Features with the same key together, the most first.
function grouped(features: Iterable<number>, key: (i: number) => number): number[][] {
  const parts = new Map<number, number[]>();
  for (const i of features) {
    const own = parts.get(key(i));
    if (own) own.push(i);
    else parts.set(key(i), [i]);
  }
  return [...parts.values()].sort((a, b) => b.length - a.length || a[0] - b[0]);
}

function groupsOf({ words, arrays }: Payload): Group[] {
  const ideals: Ideal[] = [];
  let [points, edges, faces] = [0, 0, 0];
  for (let k = 0; k < arrays.ideal_size.length; k++) {
    const [size, axes, nEdges, nFaces] = [arrays.ideal_size[k], arrays.ideal_axes[k], arrays.ideal_edges[k], arrays.ideal_faces[k]];
    ideals.push({
      n: size, axes,
      points: arrays.ideal_points.subarray(points, points + size * axes),
      edges: arrays.ideal_edge.subarray(edges, edges + 2 * nEdges),
      faces: arrays.ideal_face.subarray(faces, faces + 3 * nFaces),
    });
    points += size * axes;
    edges += 2 * nEdges;
    faces += 3 * nFaces;
  }
  const groups: Group[] = [];
  let [member, place] = [0, 0];
  (words.groups as Words[]).forEach((said, k) => {
    const size = arrays.group_size[k], axes = arrays.group_axes[k], ideal = arrays.group_ideal[k];
    groups.push({
      ...said, index: k, axes, ideal: ideal < 0 ? null : ideals[ideal], length: arrays.group_length[k],
      members: arrays.group_member.subarray(member, member + size) as Int32Array,
      vertices: arrays.group_vertex.subarray(member, member + size) as Int32Array,
      points: axes ? (arrays.points.subarray(place, place + size * axes) as Float32Array) : null,
    });
    member += size;
    place += size * axes;
  });
  return groups;
}
