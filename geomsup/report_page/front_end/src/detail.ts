// The chosen component in the words of the printed report, with its vertices.

import { quoted } from "./chrome";
import { counted, el, fixed } from "./dom";
import type { Group, Model } from "./model";
import type { Store } from "./store";

const MOST_CHIPS = 80;

export class Detail {
  readonly root = el("section", { class: "card", "aria-label": "Component" });

  constructor(private readonly model: Model, private readonly store: Store) {
    this.show(null);
  }

  show(group: Group | null): void {
    if (!group) {
      this.root.replaceChildren(el("p", { class: "soft" }, "choose a component"));
      return;
    }
    const lines = group.lines.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]);
    this.root.replaceChildren(
      el("header", {}, el("h2", {}, group.head), this.steps(group)),
      this.falls(group),
      el("dl", {}, ...lines),
      ...this.vertices(group),
    );
  }

  // The feature that is looked at in any view.
  mark(): void {
    const focus = this.store.focus;
    for (const chip of this.root.querySelectorAll<HTMLElement>(".chip")) chip.classList.toggle("on", Number(chip.dataset.feature) === focus);
  }

  private steps(group: Group): HTMLElement {
    const step = (by: number, text: string, title: string) => {
      const next = this.model.groups[group.index + by];
      return el("button", { type: "button", title, "aria-label": title, disabled: !next, click: () => this.store.set({ group: next.index, feature: next.members[0] }) }, text);
    };
    return el("div", { class: "tools" }, step(-1, "‹", "previous component"), step(1, "›", "next component"));
  }

  private falls(group: Group): HTMLElement {
    const split = this.model.split(group);
    if (!split) return el("p", { class: "soft" }, group.members.length > 1 ? "where it splits is not in this page" : "a feature by itself");
    const just = Math.min(1, split.at + 0.0005);
    const many = split.parts.length > 4 ? counted(split.parts.length, "part") : split.parts.join(" + ");
    return el("p", { class: "falls" }, `splits above |cosine| ${fixed(split.at, 4)} into ${many} `,
      el("button", { type: "button", click: () => this.store.set({ cut: just }) }, "show"));
  }

  private vertices(group: Group): HTMLElement[] {
    const of = new Map<number, number[]>();
    group.members.forEach((i, m) => of.set(group.vertices[m], [...(of.get(group.vertices[m]) ?? []), i]));
    const shared = [...of.values()].filter((one) => one.length > 1);
    const chip = (i: number) => el("button", {
      type: "button", class: "chip", "data-feature": i,
      click: () => this.store.set({ feature: i }),
      pointerenter: () => this.store.set({ hover: i }), pointerleave: () => this.store.set({ hover: -1 }),
    }, el("bdi", {}, quoted(this.model, i)));
    const chips: HTMLElement[] = [];
    let left = MOST_CHIPS;
    for (const own of of.values()) {
      if (left <= 0) break;
      const some = own.slice(0, left);
      left -= some.length;
      const texts = some.map(chip);
      chips.push(own.length > 1 ? el("span", { class: "vertex", title: "on one vertex" }, ...texts) : texts[0]);
    }
    const rest = group.members.length - (MOST_CHIPS - left);
    const said = shared.length
      ? `Features in one frame share a vertex (${counted(shared.length, "vertex", "vertices")}):`
      : group.members.length > 1 ? "Each feature has a vertex of its own:" : "Its feature:";
    return [el("p", { class: "soft" }, said), el("p", { class: "chips" }, ...chips, ...(rest > 0 ? [`… and ${rest} more`] : []))];
  }
}
