// What is looked at, the same for all views. Changes are told once for each frame.

export interface Looked {
  hover: number; // a feature under the pointer, or -1
  feature: number; // the feature that was chosen, or -1
  group: number; // the component that was chosen, or -1
  cut: number | null; // the threshold on |cosine|; null: as in the report
  step: number; // the record of a timeline
}

export class Store {
  readonly now: Looked = { hover: -1, feature: -1, group: -1, cut: null, step: 0 };
  private readonly listeners: ((changed: Set<keyof Looked>) => void)[] = [];
  private readonly changed = new Set<keyof Looked>();

  get focus(): number {
    return this.now.hover >= 0 ? this.now.hover : this.now.feature;
  }

  set(values: Partial<Looked>): void {
    for (const key of Object.keys(values) as (keyof Looked)[]) {
      if (this.now[key] === values[key]) continue;
      (this.now as any)[key] = values[key];
      if (!this.changed.size) requestAnimationFrame(() => this.tell());
      this.changed.add(key);
    }
  }

  listen(listener: (changed: Set<keyof Looked>) => void): void {
    this.listeners.push(listener);
  }

  private tell(): void {
    const changed = new Set(this.changed);
    this.changed.clear();
    for (const listener of this.listeners) listener(changed);
  }
}
