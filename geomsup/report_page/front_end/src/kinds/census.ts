// The page of a census: payload of census.py.

import { comparisons, histogram, type Compared } from "../charts";
import { theme } from "../colours";
import { fixed, short } from "../dom";
import { Linked } from "../linked";
import type { Payload } from "../payload";
import type { Listing } from "../table";

export function census(payload: Payload, root: HTMLElement): void {
  const { words, arrays } = payload;
  const page = new Linked(payload), { model, store } = page;
  const background = `${words.null}, mean of ${words.n_draws} draws`;
  const pairs = histogram("All pairs", "pairs", "cosine", () => {
    const inks = theme();
    const drawn = [
      { color: inks.ink, text: "pairs", counts: arrays.histogram },
      { color: inks.negative, text: "believed, cos < 0", counts: arrays.believed_below, dash: [4, 3] },
      { color: inks.positive, text: "believed, cos > 0", counts: arrays.believed_above },
    ];
    const band = { color: inks.soft, text: background, counts: arrays.null_histogram, filled: true };
    return [...(words.n_draws ? [band] : []), ...drawn.filter(({ counts }) => counts.some((count) => count > 0))];
  }, () => store.now.cut);
  const counts = comparisons(words.comparisons as Compared[], words.null);
  const cosine = (name: string) => (i: number) => fixed(arrays[name][i]);
  const value = (name: string) => (i: number) => arrays[name][i];
  const other = (name: string) => (i: number) => {
    const k = model.position(arrays[name][i]);
    return k < 0 ? String(arrays[name][i]) : model.called(k);
  };
  const features = page.features([
    { name: "largest", meaning: "largest cosine with another", text: cosine("largest"), key: value("largest") },
    { name: "nearest", left: true, label: true, text: other("nearest"), key: other("nearest") },
    { name: "least", meaning: "least cosine with another", text: cosine("least"), key: value("least") },
    { name: "opposite", left: true, label: true, text: other("opposite"), key: other("opposite") },
  ]);
  page.mount(root, [page.components(), listed(page), features], [pairs, counts]);
}

function listed(page: Linked): Listing {
  const { model, store, payload } = page, { pair, pair_cosine, pair_log_p, pair_q } = payload.arrays;
  const called = (end: number) => (k: number) => model.called(pair[2 * k + end]);
  const p = (k: number) => (pair_log_p[k] < -700 ? `e^${Math.round(pair_log_p[k])}` : short(Math.exp(pair_log_p[k])));
  let chosen = -1;
  return {
    name: "Pairs", file: "pairs", n: pair_cosine.length,
    columns: [
      { name: "feature", left: true, label: true, text: called(0), key: called(0) },
      { name: "other", left: true, label: true, text: called(1), key: called(1) },
      { name: "cosine", text: (k) => fixed(pair_cosine[k], 4), key: (k) => pair_cosine[k] },
      { name: "p", text: p, key: (k) => pair_log_p[k] },
      { name: "q", text: (k) => short(pair_q[k]), key: (k) => pair_q[k] },
      { name: "in", left: true, text: (k) => model.where(pair[2 * k]), key: (k) => model.where(pair[2 * k]) },
    ],
    search: (k) => `${called(0)(k)} ${called(1)(k)} ${model.where(pair[2 * k])}`.toLowerCase(),
    chosen: () => chosen,
    choose: (k) => {
      chosen = k;
      store.set({ feature: pair[2 * k], group: Math.max(-1, model.owner[pair[2 * k]]) });
    },
    hover: (k) => store.set({ hover: k < 0 ? -1 : pair[2 * k] }),
  };
}
