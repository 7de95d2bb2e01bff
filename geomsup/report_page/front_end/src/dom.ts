// Elements, with text that is never markup.

type Child = Node | string;
type Options = Record<string, string | number | boolean | ((event: any) => void)>;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K, options: Options = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false) node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

// A label as it may stand in a line: no control characters, no turning of what follows it.
export function tame(text: string, most = 48): string {
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").replace(/[\u202a-\u202e\u2066-\u2069]/g, "");
  const letters = Array.from(clean);
  return letters.length > most ? letters.slice(0, most - 1).join("") + "…" : clean;
}

// Isolated, so that a label from right to left leaves the numbers beside it where they are.
export const isolated = (text: string) => `\u2068${text}\u2069`;

export function saved(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function asCsv(header: string[], rows: (string | number)[][]): string {
  const cell = (value: string | number) => {
    const text = String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [header, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

const grouped = new Intl.NumberFormat("en");
export const count = (n: number) => grouped.format(n);
export const counted = (n: number, one: string, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;
export const fixed = (x: number, digits = 3) => (Number.isFinite(x) ? x.toFixed(digits).replace("-", "−") : "–");
export const short = (x: number) => {
  if (!Number.isFinite(x)) return "–";
  if (Number.isInteger(x)) return count(x);
  return Math.abs(x) >= 0.01 && Math.abs(x) < 1e4 ? String(+x.toPrecision(3)) : x.toExponential(1);
};
