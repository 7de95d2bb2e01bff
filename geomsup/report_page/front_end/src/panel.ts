// A picture in a frame: it draws when it is seen, is saved as SVG or PNG, and has a table beside it.

import { onPaper, theme } from "./colours";
import { asCsv, count, el, saved, tame } from "./dom";
import { Drawing, Screen, type Painter } from "./paint";

export interface Picture {
  title: string;
  file: string; // a file's name without its end
  height: number;
  described: () => string; // for those who do not see it
  table: () => { header: string[]; rows: (string | number)[][] };
  draw: (painter: Painter) => void;
  help?: string;
}

const SHOWN_ROWS = 200;
// What nobody sees yet is drawn when nothing else has been asked for this long.
const AHEAD_MS = 350;

export class Panel {
  readonly root: HTMLElement;
  readonly canvas = el("canvas", { tabindex: 0, role: "img" });
  readonly help = el("p", { class: "help" });
  readonly tools = el("div", { class: "tools" });
  private readonly frame = el("div", { class: "frame" });
  private readonly alternative = el("div", { class: "alternative", hidden: true, tabindex: 0 });
  private readonly caption: HTMLElement;
  size = { width: 600, height: 300 };
  private stale = true;
  private seen = false;
  private said = "";
  private waiting = false;
  private timer = 0;
  private printed = false;

  constructor(readonly picture: Picture) {
    this.caption = el("h2", {}, picture.title);
    const asTable = el("button", { type: "button", "aria-pressed": "false", title: "the same as a table" }, "Table");
    asTable.addEventListener("click", () => this.toggle(asTable));
    const save = el("select", { "aria-label": `Save ${picture.title}`, title: "save this picture" });
    for (const what of ["Save", "SVG", "PNG", "CSV"]) save.append(el("option", { value: what }, what));
    save.addEventListener("change", () => {
      this.save(save.value);
      save.value = "Save";
    });
    this.tools.append(asTable, save);
    this.resize(picture.height);
    this.frame.append(this.canvas);
    this.root = el("section", { class: "card", "aria-label": picture.title }, el("header", {}, this.caption, this.tools), this.frame, this.alternative);
    this.help.textContent = picture.help ?? "";
    this.root.append(this.help);
    new ResizeObserver(() => {
      // Paper is as wide as it is: the picture keeps its form there, whatever room there is.
      if (this.printed) return;
      this.size = { width: Math.max(120, this.frame.clientWidth), height: Math.max(80, this.frame.clientHeight) };
      this.frame.style.setProperty("--ratio", `${this.size.width} / ${this.size.height}`);
      this.refresh();
    }).observe(this.frame);
    new IntersectionObserver((entries) => {
      this.seen = entries.some((entry) => entry.isIntersecting);
      if (this.seen && this.stale) this.refresh();
    }, { rootMargin: "300px" }).observe(this.frame);
  }

  set title(text: string) {
    this.caption.textContent = text;
  }

  // Draw with the next frame, if anybody can see it.
  refresh(): void {
    this.stale = true;
    this.describe();
    if (!this.seen) this.ahead();
    if (!this.seen || this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => this.now());
  }

  // Draw at once: what answers to a slider comes in the frame in which the slider moved.
  now(): void {
    this.waiting = false;
    this.stale = true;
    this.describe();
    if (!this.seen) this.ahead();
    else this.draw();
  }

  // What will be seen when somebody scrolls there, or prints.
  private ahead(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.stale && this.draw(), AHEAD_MS);
  }

  private draw(): void {
    if (this.frame.hidden) return;
    this.stale = false;
    this.paint(this.canvas, window.devicePixelRatio || 1);
  }

  private describe(): void {
    const said = `${this.picture.title}. ${this.picture.described()}`;
    if (said !== this.said) this.canvas.setAttribute("aria-label", (this.said = said));
  }

  // Paper has no part that is not seen.
  print(on: boolean): void {
    this.printed = on;
    this.draw();
  }

  resize(height: number): void {
    // It grows with what stands beside it.
    this.frame.style.flex = `1 0 ${height}px`;
  }

  svg(): string {
    const { width, height } = this.size;
    return onPaper(() => {
      const drawing = new Drawing(width, height, this.ruler());
      this.picture.draw(drawing);
      return drawing.toString();
    });
  }

  private ruler(): Painter {
    return new Screen(el("canvas").getContext("2d")!, 1, 1);
  }

  private paint(canvas: HTMLCanvasElement, scale: number): void {
    const { width, height } = this.size;
    const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== w || canvas.height !== h) {
      canvas.width = w;
      canvas.height = h;
    }
    const context = canvas.getContext("2d")!;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.fillStyle = theme().ground;
    context.fillRect(0, 0, width, height);
    this.picture.draw(new Screen(context, width, height));
  }

  private save(what: string): void {
    const name = `${this.picture.file}.${what.toLowerCase()}`;
    if (what === "SVG") saved(name, new Blob([this.svg()], { type: "image/svg+xml" }));
    if (what === "CSV") {
      const { header, rows } = this.picture.table();
      saved(name, new Blob([asCsv(header, rows)], { type: "text/csv" }));
    }
    if (what === "PNG") {
      const canvas = el("canvas");
      onPaper(() => this.paint(canvas, 2));
      canvas.toBlob((content) => content && saved(name, content), "image/png");
    }
  }

  private toggle(button: HTMLButtonElement): void {
    const show = this.alternative.hidden;
    button.setAttribute("aria-pressed", String(show));
    this.alternative.hidden = !show;
    this.frame.hidden = show;
    if (show) this.alternative.replaceChildren(...tableOf(this.picture));
    else this.refresh();
  }
}

function tableOf(picture: Picture): HTMLElement[] {
  const { header, rows } = picture.table();
  const head = el("tr", {}, ...header.map((text) => el("th", { scope: "col" }, text)));
  const body = rows.slice(0, SHOWN_ROWS).map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, tame(String(cell), 80)))));
  const table = el("table", {}, el("caption", {}, picture.described()), el("thead", {}, head), el("tbody", {}, ...body));
  const cut = rows.length > SHOWN_ROWS ? [el("p", { class: "help" }, `the first ${SHOWN_ROWS} of ${count(rows.length)} rows; Save, CSV has all`)] : [];
  return [table, ...cut];
}

// Where the pointer is, in the coordinates of the picture.
export function placeOf(event: { clientX: number; clientY: number }, canvas: HTMLElement): [number, number] {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

// The nearest of some places within reach, or -1.
export function nearest(x: number, y: number, places: ArrayLike<number>, reach: number): number {
  let [best, found] = [reach * reach, -1];
  for (let k = 0; k < places.length; k += 2) {
    const gap = (places[k] - x) ** 2 + (places[k + 1] - y) ** 2;
    if (gap <= best) [best, found] = [gap, k >> 1];
  }
  return found;
}

// Round numbers for an axis.
export function ticks(low: number, high: number, about = 5): number[] {
  if (!(high > low)) return [low];
  const raw = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw)!;
  const found: number[] = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(+(k * step).toPrecision(10));
  return found;
}

// The same for a logarithmic axis: powers of ten, with 2 and 5 times them where there are few.
export function decades(low: number, high: number): number[] {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) for (const m of high / low > 150 ? [1] : [1, 2, 5]) {
    const value = +(m * 10 ** power).toPrecision(3);
    if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) found.push(value);
  }
  return found;
}
