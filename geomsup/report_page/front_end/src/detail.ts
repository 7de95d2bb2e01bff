// The chosen component in the words of the printed report, with its vertices.

import { quoted } from "./chrome";
import { counted, el, fixed } from "./dom";
import type { Group, Model } from "./model";
import type { Store } from "./store";

const MOST_CHIPS = 80, MOST_PARTS = 24;

export class Detail {
  // It scrolls inside its card, so that nothing else moves when there are more parts to list.
  private readonly inner = el("div", { class: "inner", tabindex: 0 });
  readonly root = el("section", { class: "card detail", "aria-label": "Component" }, this.inner);

  private readonly parted = el("div", { class: "parts", role: "status" });
  private group: Group | null = null;

  constructor(private readonly model: Model, private readonly store: Store) {
    this.show(null);
  }

  show(group: Group | null): void {
    this.group = group;
    if (!group) {
      this.inner.replaceChildren(el("p", { class: "soft" }, "choose a component"));
      return;
    }
    const lines = group.lines.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]);
    this.inner.replaceChildren(
      el("header", {}, el("h2", {}, group.head), this.steps(group)),
      this.falls(group),
      this.parted,
      ...this.vertices(group),
      el("dl", {}, ...lines),
    );
    this.recut();
  }

  // Which features go where: at the chosen threshold, or where the component first falls apart.
  recut(): void {
    const { group, model, store } = this, { cut } = store.now;
    this.parted.replaceChildren();
    if (!group || group.members.length < 2) return;
    const parts = cut === null ? model.split(group)?.parts ?? [] : model.pieces(group, model.cut(cut));
    if (!parts.length) return;
    const said = cut === null ? "The parts:" : parts.length === 1 ? `Whole at |cosine| ≥ ${fixed(cut, 3)}.` : `At |cosine| ≥ ${fixed(cut, 3)}, in ${counted(parts.length, "part")}:`;
    this.parted.append(el("p", { class: "soft" }, said));
    let left = MOST_CHIPS;
    if (cut === null || parts.length > 1) for (const part of parts.slice(0, MOST_PARTS)) {
      if (left <= 0) break;
      const patch = el("span", { class: "patch" });
      if (cut !== null) patch.style.background = model.color(part[0], model.cut(cut));
      else patch.hidden = true;
      const some = part.slice(0, left);
      left -= some.length;
      const rest = part.length - some.length;
      this.parted.append(el("p", { class: "chips part" }, patch, el("span", { class: "soft" }, counted(part.length, "feature")), ...some.map((i) => this.chip(i)), ...(rest ? [`… and ${rest} more`] : [])));
    }
    const unsaid = parts.length - this.parted.querySelectorAll(".part").length;
    if (unsaid > 0 && parts.length > 1) this.parted.append(el("p", { class: "soft" }, `… and ${counted(unsaid, "part")} more`));
  }

  private chip(i: number): HTMLElement {
    return el("button", {
      type: "button", class: "chip", "data-feature": i,
      click: () => this.store.set({ feature: i }),
      pointerenter: () => this.store.set({ hover: i }), pointerleave: () => this.store.set({ hover: -1 }),
    }, el("bdi", {}, quoted(this.model, i)));
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
    const many = split.parts.length > 4 ? counted(split.parts.length, "part") : split.parts.map((part) => part.length).join(" + ");
    return el("p", { class: "falls" }, `splits above |cosine| ${fixed(split.at, 4)} into ${many} `,
      el("button", { type: "button", click: () => this.store.set({ cut: just }) }, "show"));
  }

  private vertices(group: Group): HTMLElement[] {
    const of = new Map<number, number[]>();
    group.members.forEach((i, m) => of.set(group.vertices[m], [...(of.get(group.vertices[m]) ?? []), i]));
    const shared = [...of.values()].filter((one) => one.length > 1);
    // The parts that are listed above have all of its features.
    if (!shared.length && this.model.split(group)) return [el("p", { class: "soft" }, "Each feature has a vertex of its own.")];
    const chips: HTMLElement[] = [];
    let left = MOST_CHIPS;
    for (const own of of.values()) {
      if (left <= 0) break;
      const some = own.slice(0, left);
      left -= some.length;
      const texts = some.map((i) => this.chip(i));
      chips.push(own.length > 1 ? el("span", { class: "vertex", title: "on one vertex" }, ...texts) : texts[0]);
    }
    const rest = group.members.length - (MOST_CHIPS - left);
    const said = shared.length
      ? `Features in one frame share a vertex (${counted(shared.length, "vertex", "vertices")}):`
      : group.members.length > 1 ? "Each feature has a vertex of its own:" : "Its feature:";
    return [el("p", { class: "soft" }, said), el("p", { class: "chips" }, ...chips, ...(rest > 0 ? [`… and ${rest} more`] : []))];
  }
}
