// The page of a claim: payload of claim.py.

import { balance, distribution } from "../charts";
import { dressed, footing, heading, quoted, search, slider, type Named } from "../chrome";
import { visible } from "../colours";
import { count, el, fixed, tame } from "../dom";
import type { Payload } from "../payload";
import { Solid, type Scene } from "../solid";
import { Store } from "../store";
import { Table, tabs, type Listing } from "../table";

const COLORS: Record<string, string> = { supported: "#009E73", contradicted: "#D55E00", undecided: "#9C9C9C" };
const SIGNS: Record<string, string> = { supported: "✓", contradicted: "✗", undecided: "?" };
// All pairs of so few are joined where no curve says who follows whom.
const FEW = 9;

export function claim(payload: Payload, root: HTMLElement): void {
  const { words, arrays } = payload, store = new Store();
  const labels = words.labels as string[] | null, { number, points, angle, control, control_statistic } = arrays;
  const n = number.length, axes = words.axes as number, nControls = control.length / (2 * n);
  const named: Named = {
    n, number: (i) => number[i], position: (k) => Array.from(number).indexOf(k), raw: (i) => labels?.[i] ?? "",
    called: (i, most = 24) => tame(labels?.[i] ?? "", most) || String(number[i]),
  };
  const color = () => visible(COLORS[words.verdict]);
  const path = pathOf(n, words.curve);
  const scene = (): Scene => {
    const k = store.now.step - 1;
    return {
      features: Array.from({ length: n }, (_, i) => i), axes, points, ideal: null, length: 1, pairs: [], cosines: [], frontal: true,
      color, label: (i) => named.called(i), path,
      ghosts: { points: control, axes: 2 },
      beside: k < 0 ? undefined : { points: control.subarray(2 * n * k, 2 * n * (k + 1)), axes: 2 },
    };
  };
  const out = (i: number, of: number) => Math.hypot(...Array.from({ length: of }, (_, a) => points[i * axes + a]));
  const solid = new Solid(
    {
      title: `The group in its own span, about the ${words.about}`, file: "group", height: 460,
      described: () => `${words.title}; ${Math.round(100 * words.share)} % of the squared distances from the ${words.about} lie in the plane that is seen at first`,
      table: () => ({
        header: ["feature", ...Array.from({ length: axes }, (_, a) => `x${a + 1}`)],
        rows: Array.from({ length: n }, (_, i) => [named.called(i), ...Array.from({ length: axes }, (_, a) => fixed(points[i * axes + a], 4))]),
      }),
      help: `Seen first: the plane of the claim, with ${Math.round(100 * words.share)} % of the squared distances. Grey: ${count(nControls)} control groups, each in its own plane, on the same scale. Drag, pinch or use the arrow keys to turn.`,
    },
    scene, () => store.focus, (feature, click) => store.set(click ? { feature } : { hover: feature }), false,
  );
  const controls = distribution("Beside the controls", "controls", `${words.statistic_name} (small where the claim holds)`, "control groups", control_statistic as Float64Array,
    () => ({ at: words.statistic, color: color(), text: `the group: ${fixed(words.statistic)}` }));
  const evidence = balance("The claim against what else may explain it", "evidence", words.evidence);
  const listing: Listing = {
    name: "Members", file: "members", n,
    columns: [
      { name: "place", meaning: "along the curve of the claim, or as given", text: (i) => count(i + 1), key: (i) => i },
      { name: "feature", left: true, text: (i) => String(number[i]), key: (i) => number[i] },
      ...(labels ? [{ name: "label", left: true, label: true, text: (i: number) => labels[i], key: (i: number) => labels[i] }] : []),
      ...(angle ? [{ name: "angle", meaning: "along the curve, from the first", text: (i: number) => `${fixed((180 * angle[i]) / Math.PI, 1)}°`, key: (i: number) => angle[i] }] : []),
      { name: "distance", meaning: `from the ${words.about}, on the axes of this page; 1 is the rms of the group in all dimensions`, text: (i) => fixed(out(i, axes)), key: (i) => out(i, axes) },
      { name: "in the plane", text: (i) => fixed(out(i, 2)), key: (i) => out(i, 2) },
    ],
    search: (i) => `${number[i]} ${named.raw(i)}`.toLowerCase(),
    chosen: () => store.now.feature, choose: (feature) => store.set({ feature }), hover: (hover) => store.set({ hover }), near: () => store.now.hover,
  };
  const table = new Table(listing);
  const beside = slider("control group", nControls, (step) => store.set({ step }));
  const readout = el("p", { class: "readout", role: "status" });
  const bar = el("div", { class: "bar" }, search(named, (feature) => store.set({ feature })), ...(nControls ? [beside.root] : []), readout);
  root.replaceChildren(heading(payload), bar, el("div", { class: "grid" },
    verdict(words), solid.panel.root, controls.root, evidence.root, tabs([table]).root), footing(payload));
  const told = () => {
    const i = store.focus, k = store.now.step;
    beside.input.value = String(k);
    beside.said.textContent = k ? `${count(k)} of ${count(nControls)}` : "none";
    readout.textContent = i < 0 ? (k ? "One control group in its own plane, beside the group." : "Move the slider to see control groups one by one.") : `feature ${quoted(named, i)}: distance ${fixed(out(i, axes))}, in the plane ${fixed(out(i, 2))}`;
  };
  const panels = [solid.panel, controls, evidence];
  store.listen((changed) => {
    told();
    for (const panel of panels) panel.now();
    if (changed.has("feature")) table.reveal();
    if (changed.has("hover")) table.touch();
  });
  dressed(panels, () => table.refresh());
  window.addEventListener("beforeprint", () => table.print(true));
  window.addEventListener("afterprint", () => table.print(false));
  told();
}

// Places of members that are joined, two for each line.
function pathOf(n: number, curve: string | null): number[] {
  const along = Array.from({ length: n - 1 }, (_, k) => [k, k + 1]).flat();
  if (curve) return curve === "closed" ? [...along, n - 1, 0] : along;
  if (n > FEW) return [];
  return Array.from({ length: n }, (_, i) => Array.from({ length: i }, (_, j) => [j, i])).flat(2);
}

function verdict(words: Payload["words"]): HTMLElement {
  const said = el("p", { class: `verdict ${words.verdict}` }, `${SIGNS[words.verdict]} ${words.verdict}`);
  const tests = (words.tests as [string, number][]).flatMap(([name, p]) => [el("dt", {}, name), el("dd", {}, `p ${fixed(p, 4)}`)]);
  const lines = (words.lines as [string, string][]).flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]);
  return el("section", { class: "card", "aria-label": "Verdict" }, el("header", {}, el("h2", {}, "Verdict")), said, el("p", {}, words.why),
    el("h2", {}, "Share that does as well"), el("dl", {}, ...tests), el("h2", {}, "Measured"), el("dl", {}, ...lines));
}
