// A table of any length: only the rows that are seen are elements.

import { asCsv, count, counted, el, saved, tame } from "./dom";

export interface Column {
  name: string;
  meaning?: string;
  text: (row: number) => string;
  key: (row: number) => string | number | null;
  left?: boolean;
  label?: boolean; // holds what somebody wrote
}

export interface Listing {
  name: string;
  file: string;
  n: number;
  help?: string; // below the table
  height?: number; // of so many rows, where they come and go
  columns: Column[];
  search: (row: number) => string; // in lower case
  color?: (row: number) => string;
  chosen: () => number; // a row, or -1
  choose: (row: number, move: boolean) => void;
  hover?: (row: number) => void;
  near?: () => number; // the row of what is pointed at elsewhere, or -1
  whole?: (row: number) => string[]; // for CSV, where a cell shows less than all
}

const ROW = 29;
const SPARE = 6;
const PRINTED = 300;

export class Table {
  readonly root: HTMLElement;
  private rows!: Int32Array;
  private first = -1;
  private last = -1;
  private sortedBy = -1;
  private falling = false;
  private query = "";
  private texts: string[] | null = null;
  private readonly body = el("tbody");
  private readonly head = el("tr");
  private readonly box: HTMLElement;
  private readonly edge: HTMLElement;
  private readonly table: HTMLElement;
  private readonly said = el("span", { class: "soft", role: "status" });
  private readonly aside = el("span", { class: "aside", hidden: true }, "scroll sideways for more columns →");
  private printing = false;

  constructor(readonly listing: Listing) {
    const filter = el("input", { type: "search", placeholder: "filter…", "aria-label": `Filter ${listing.name}` });
    filter.addEventListener("input", () => this.filter(filter.value));
    const csv = el("button", { type: "button", title: "save the rows below" }, "CSV");
    csv.addEventListener("click", () => saved(`${listing.file}.csv`, new Blob([this.csv()], { type: "text/csv" })));
    listing.columns.forEach((column, k) => {
      const button = el("button", { type: "button", title: column.meaning ?? "", click: () => this.sort(k) }, column.name);
      this.head.append(el("th", { scope: "col", class: column.left ? "left" : "", "aria-sort": "none" }, button));
    });
    this.table = el("table", { role: "grid", tabindex: 0, "aria-label": listing.name, class: "list" }, el("thead", {}, this.head), this.body);
    this.box = el("div", { class: "scroll" }, this.table);
    this.edge = el("div", { class: "edge" }, this.box);
    this.box.addEventListener("scroll", () => {
      this.fill();
      this.hint();
    }, { passive: true });
    this.table.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.clicked(event));
    this.body.addEventListener("pointerover", (event) => listing.hover?.(this.rowOf(event)));
    this.body.addEventListener("pointerleave", () => listing.hover?.(-1));
    new ResizeObserver(() => {
      this.fill();
      this.hint();
    }).observe(this.box);
    this.root = el("div", { class: "listing" }, el("div", { class: "tools" }, filter, this.said, csv, this.aside), this.edge, ...(listing.help ? [el("p", { class: "help" }, listing.help)] : []));
    this.arrange();
  }

  sort(column: number, falling?: boolean): void {
    // What is large is looked for first; words go from A to Z.
    this.falling = falling ?? (this.sortedBy === column ? !this.falling : !this.listing.columns[column].left);
    this.sortedBy = column;
    this.head.querySelectorAll("th").forEach((cell, k) =>
      cell.setAttribute("aria-sort", k === column ? (this.falling ? "descending" : "ascending") : "none"));
    this.arrange();
  }

  filter(query: string): void {
    this.query = query.trim().toLowerCase();
    this.arrange();
  }

  refresh(): void {
    this.first = -1;
    this.fill();
    this.hint();
  }

  // Other rows than before.
  reload(): void {
    this.texts = null;
    this.arrange();
  }

  // Say that there are columns beyond the edge.
  private hint(): void {
    const { scrollWidth, clientWidth, scrollLeft } = this.box;
    const beyond = scrollWidth - clientWidth > 8;
    this.aside.hidden = !beyond;
    this.edge.classList.toggle("beyond", beyond && scrollLeft + clientWidth < scrollWidth - 8);
  }

  // Colours alone, which a slider changes with every frame.
  recolour(): void {
    const { color } = this.listing;
    if (color) for (const line of this.body.querySelectorAll<HTMLElement>("tr[data-row]")) {
      line.querySelector<HTMLElement>(".patch")!.style.background = color(Number(line.dataset.row));
    }
  }

  // Mark the row of what is pointed at in another view.
  touch(): void {
    const near = this.listing.near?.() ?? -1;
    for (const line of this.body.querySelectorAll<HTMLElement>("tr[data-row]")) line.classList.toggle("near", Number(line.dataset.row) === near);
  }

  // Bring the chosen row into view.
  reveal(): void {
    const place = this.rows.indexOf(this.listing.chosen());
    const room = this.box.clientHeight - ROW;
    if (place >= 0 && room > 0) {
      const top = place * ROW;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      else if (top + ROW > this.box.scrollTop + room) this.box.scrollTop = top + ROW - room;
    }
    this.refresh();
  }

  print(on: boolean): void {
    this.printing = on;
    this.refresh();
  }

  csv(): string {
    const { columns, whole } = this.listing;
    const rows = Array.from(this.rows, (row) => whole?.(row) ?? columns.map((column) => column.text(row)));
    return asCsv(columns.map((column) => column.name), rows);
  }

  private arrange(): void {
    const { n, columns, search } = this.listing;
    let rows = Int32Array.from({ length: n }, (_, k) => k);
    if (this.query) {
      this.texts ??= Array.from({ length: n }, (_, k) => search(k));
      const words = this.query.split(/\s+/), texts = this.texts;
      rows = rows.filter((row) => words.every((word) => texts[row].includes(word)));
    }
    if (this.sortedBy >= 0) {
      const { key } = columns[this.sortedBy], sign = this.falling ? -1 : 1;
      const keys = Array.from({ length: n }, (_, k) => key(k));
      const compare = new Intl.Collator("en", { numeric: true }).compare;
      // What has no value comes last either way; equals keep their order.
      rows.sort((a, b) => {
        const [x, y] = [keys[a], keys[b]];
        if (x === null || y === null) return Number(x === null) - Number(y === null) || a - b;
        const order = typeof x === "number" && typeof y === "number" ? x - y : compare(String(x), String(y));
        return sign * order || a - b;
      });
    }
    this.rows = rows;
    this.said.textContent = rows.length === n ? counted(n, "row") : `${count(rows.length)} of ${counted(n, "row")}`;
    this.table.setAttribute("aria-rowcount", String(rows.length + 1));
    this.box.scrollTop = 0;
    // No taller than its rows.
    this.box.style.height = `${Math.min(8.5, Math.max(2, this.listing.height ?? rows.length)) * ROW + ROW + 16}px`;
    this.refresh();
  }

  private fill(): void {
    const seen = Math.ceil(this.box.clientHeight / ROW);
    let first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - SPARE);
    let last = Math.min(this.rows.length, first + seen + 2 * SPARE);
    if (this.printing) [first, last] = [0, Math.min(PRINTED, this.rows.length)];
    if (first === this.first && last === this.last) return;
    [this.first, this.last] = [first, last];
    const gap = (rows: number) => {
      const row = el("tr", { "aria-hidden": "true" }, el("td", { colspan: this.listing.columns.length, class: "gap" }));
      row.style.height = `${rows * ROW}px`;
      return row;
    };
    const parts: HTMLElement[] = [];
    if (first) parts.push(gap(first));
    for (let k = first; k < last; k++) parts.push(this.row(k));
    if (last < this.rows.length && !this.printing) parts.push(gap(this.rows.length - last));
    if (!this.rows.length) parts.push(el("tr", {}, el("td", { colspan: this.listing.columns.length, class: "left soft" }, this.listing.n ? "nothing of that kind" : "there are none")));
    this.body.replaceChildren(...parts);
  }

  private row(place: number): HTMLElement {
    const { columns, color, chosen } = this.listing;
    const row = this.rows[place];
    const line = el("tr", { "aria-rowindex": place + 2, "aria-selected": String(row === chosen()), "data-row": row });
    columns.forEach((column, k) => {
      const text = column.text(row);
      const cell = el("td", { class: column.left ? "left" : "" });
      if (k === 0 && color) {
        const patch = el("span", { class: "patch" });
        patch.style.background = color(row);
        cell.append(patch);
      }
      cell.append(column.label ? el("bdi", { title: tame(text, 400) }, tame(text)) : text);
      line.append(cell);
    });
    return line;
  }

  private rowOf(event: Event): number {
    const line = (event.target as HTMLElement).closest<HTMLElement>("tr[data-row]");
    return line ? Number(line.dataset.row) : -1;
  }

  private clicked(event: Event): void {
    const row = this.rowOf(event);
    if (row >= 0) this.listing.choose(row, false);
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.table) return;
    const now = this.rows.indexOf(this.listing.chosen());
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 2);
    const places: Record<string, number> = {
      ArrowDown: now + 1, ArrowUp: now - 1, PageDown: now + page, PageUp: now - page, Home: 0, End: this.rows.length - 1,
    };
    if (!(event.key in places) || !this.rows.length) return;
    event.preventDefault();
    this.listing.choose(this.rows[Math.min(this.rows.length - 1, Math.max(0, places[event.key]))], true);
    requestAnimationFrame(() => requestAnimationFrame(() => this.reveal()));
  }
}

// Several tables of which one is seen.
export function tabs(tables: Table[]): { root: HTMLElement; show: (k: number) => void; shown: () => number; recount: () => void } {
  let now = 0;
  const bar = el("div", { role: "tablist", class: "tabs" });
  const buttons = tables.map(({ listing }, k) => {
    const id = `list-${listing.file}`;
    tables[k].root.id = id;
    tables[k].root.setAttribute("role", "tabpanel");
    return el("button", { type: "button", role: "tab", "aria-controls": id, click: () => show(k) }, listing.name, el("span", { class: "soft" }));
  });
  const recount = () => tables.forEach(({ listing }, k) => (buttons[k].lastElementChild!.textContent = ` ${count(listing.n)}`));
  const show = (chosen: number) => tables.forEach((table, k) => {
    now = chosen;
    table.root.hidden = k !== chosen;
    buttons[k].setAttribute("aria-selected", String(k === chosen));
    buttons[k].tabIndex = k === chosen ? 0 : -1;
    if (k === chosen) table.refresh();
  });
  bar.append(...buttons);
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (now + step + tables.length) % tables.length;
    show(next);
    buttons[next].focus();
  });
  const root = el("section", { class: "card wide", "aria-label": "Tables" }, bar, ...tables.map((table) => table.root));
  recount();
  show(0);
  return { root, show, shown: () => now, recount };
}
