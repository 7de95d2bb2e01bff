// One set of strokes for the screen and for SVG files.

import { theme } from "./colours";

export interface Stroke { color: string; width?: number; dash?: number[]; alpha?: number }
export interface Words {
  color?: string; size?: number; align?: "left" | "center" | "right"; bold?: boolean; halo?: boolean; turn?: number;
}

export interface Painter {
  readonly width: number;
  readonly height: number;
  segments(ends: ArrayLike<number>, stroke: Stroke): void; // x1 y1 x2 y2 …
  outline(points: ArrayLike<number>, stroke: Stroke | null, fill?: string, alpha?: number, closed?: boolean): void;
  dots(places: ArrayLike<number>, radius: number, fill: string, rim?: string): void; // x y …
  box(x: number, y: number, w: number, h: number, fill: string, alpha?: number): void;
  text(x: number, y: number, text: string, words?: Words): void;
  measure(text: string, size: number): number;
}

export const FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';
export const SMALLEST = 11;

// As much of a text as there is room for.
export function clipped(painter: Painter, text: string, room: number, size = SMALLEST): string {
  if (painter.measure(text, size) <= room) return text;
  let letters = Array.from(text);
  while (letters.length > 1 && painter.measure(letters.join("") + "…", size) > room) letters = letters.slice(0, -1);
  return letters.join("") + "…";
}

export class Screen implements Painter {
  constructor(readonly context: CanvasRenderingContext2D, readonly width: number, readonly height: number) {
    context.lineCap = "round";
    context.lineJoin = "round";
  }

  private stroked({ color, width = 1, dash = [], alpha = 1 }: Stroke): void {
    const c = this.context;
    c.strokeStyle = color;
    c.lineWidth = width;
    c.setLineDash(dash);
    c.globalAlpha = alpha;
    c.stroke();
    c.globalAlpha = 1;
  }

  segments(ends: ArrayLike<number>, stroke: Stroke): void {
    const c = this.context;
    c.beginPath();
    for (let k = 0; k < ends.length; k += 4) {
      c.moveTo(ends[k], ends[k + 1]);
      c.lineTo(ends[k + 2], ends[k + 3]);
    }
    this.stroked(stroke);
  }

  outline(points: ArrayLike<number>, stroke: Stroke | null, fill?: string, alpha = 1, closed = true): void {
    const c = this.context;
    c.beginPath();
    for (let k = 0; k < points.length; k += 2) c.lineTo(points[k], points[k + 1]);
    if (closed) c.closePath();
    if (fill) {
      c.globalAlpha = alpha;
      c.fillStyle = fill;
      c.fill();
      c.globalAlpha = 1;
    }
    if (stroke) this.stroked(stroke);
  }

  dots(places: ArrayLike<number>, radius: number, fill: string, rim?: string): void {
    const c = this.context;
    c.fillStyle = fill;
    if (radius < 1.6) {
      for (let k = 0; k < places.length; k += 2) c.fillRect(places[k] - radius, places[k + 1] - radius, 2 * radius, 2 * radius);
      return;
    }
    c.beginPath();
    for (let k = 0; k < places.length; k += 2) {
      c.moveTo(places[k] + radius, places[k + 1]);
      c.arc(places[k], places[k + 1], radius, 0, 2 * Math.PI);
    }
    c.fill();
    if (rim) this.stroked({ color: rim, width: 1 });
  }

  box(x: number, y: number, w: number, h: number, fill: string, alpha = 1): void {
    this.context.globalAlpha = alpha;
    this.context.fillStyle = fill;
    this.context.fillRect(x, y, w, h);
    this.context.globalAlpha = 1;
  }

  text(x: number, y: number, text: string, words: Words = {}): void {
    const c = this.context;
    const { color = theme().ink, size = 12, align = "left", bold, halo, turn } = words;
    c.font = `${bold ? "600 " : ""}${size}px ${FONT}`;
    c.textAlign = align;
    c.textBaseline = "middle";
    c.save();
    c.translate(x, y);
    if (turn) c.rotate(turn);
    if (halo) {
      c.strokeStyle = theme().ground;
      c.lineWidth = 3.5;
      c.setLineDash([]);
      c.strokeText(text, 0, 0);
    }
    c.fillStyle = color;
    c.fillText(text, 0, 0);
    c.restore();
  }

  measure(text: string, size: number): number {
    this.context.font = `${size}px ${FONT}`;
    return this.context.measureText(text).width;
  }
}

const escaped = (text: string) =>
  text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const n = (x: number) => String(Math.round(100 * x) / 100);

export class Drawing implements Painter {
  private readonly parts: string[] = [];

  constructor(readonly width: number, readonly height: number, private readonly ruler: Painter) {}

  private strokes({ color, width = 1, dash, alpha }: Stroke): string {
    return ` fill="none" stroke="${color}" stroke-width="${n(width)}"` +
      (dash?.length ? ` stroke-dasharray="${dash.map(n).join(" ")}"` : "") +
      (alpha !== undefined && alpha < 1 ? ` stroke-opacity="${n(alpha)}"` : "");
  }

  segments(ends: ArrayLike<number>, stroke: Stroke): void {
    let d = "";
    for (let k = 0; k < ends.length; k += 4) d += `M${n(ends[k])} ${n(ends[k + 1])}L${n(ends[k + 2])} ${n(ends[k + 3])}`;
    if (d) this.parts.push(`<path d="${d}"${this.strokes(stroke)}/>`);
  }

  outline(points: ArrayLike<number>, stroke: Stroke | null, fill?: string, alpha = 1, closed = true): void {
    const places: string[] = [];
    for (let k = 0; k < points.length; k += 2) places.push(`${n(points[k])},${n(points[k + 1])}`);
    const tag = closed ? "polygon" : "polyline";
    if (fill) this.parts.push(`<${tag} points="${places.join(" ")}" fill="${fill}" fill-opacity="${n(alpha)}"/>`);
    if (stroke) this.parts.push(`<${tag} points="${places.join(" ")}"${this.strokes(stroke)}/>`);
  }

  dots(places: ArrayLike<number>, radius: number, fill: string, rim?: string): void {
    for (let k = 0; k < places.length; k += 2) {
      this.parts.push(`<circle cx="${n(places[k])}" cy="${n(places[k + 1])}" r="${n(radius)}" fill="${fill}"${rim ? ` stroke="${rim}"` : ""}/>`);
    }
  }

  box(x: number, y: number, w: number, h: number, fill: string, alpha = 1): void {
    this.parts.push(`<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" fill="${fill}" fill-opacity="${n(alpha)}"/>`);
  }

  text(x: number, y: number, text: string, words: Words = {}): void {
    const { color = theme().ink, size = 12, align = "left", bold, halo, turn } = words;
    const anchor = { left: "start", center: "middle", right: "end" }[align];
    const rim = halo ? ` stroke="${theme().ground}" stroke-width="3.5" stroke-linejoin="round" paint-order="stroke"` : "";
    const turned = turn ? ` transform="rotate(${n((180 * turn) / Math.PI)} ${n(x)} ${n(y)})"` : "";
    this.parts.push(
      `<text x="${n(x)}" y="${n(y)}" font-size="${size}" text-anchor="${anchor}" dominant-baseline="central"` +
        `${bold ? ' font-weight="600"' : ""} fill="${color}"${rim}${turned}>${escaped(text)}</text>`,
    );
  }

  measure(text: string, size: number): number {
    return this.ruler.measure(text, size);
  }

  toString(): string {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}" ` +
      `viewBox="0 0 ${this.width} ${this.height}" font-family="${escaped(FONT)}">` +
      `<rect width="100%" height="100%" fill="${theme().ground}"/>${this.parts.join("")}</svg>\n`;
  }
}
