// Colours of the package, made to stand out on the ground that they are on.

export interface Inks {
  ground: string; ink: string; soft: string; line: string; faint: string;
  positive: string; negative: string; accent: string; dark: boolean;
}

let inks: Inks | null = null;
const known = new Map<string, string>();
let paper = false;

export function theme(): Inks {
  if (inks) return inks;
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const dark = !paper && of("dark") === "1";
  inks = paper
    ? { ground: "#ffffff", ink: "#222222", soft: "#555555", line: "#bbbbbb", faint: "#e4e4e4",
        positive: "#D55E00", negative: "#0072B2", accent: "#0072B2", dark }
    : { ground: of("card"), ink: of("ink"), soft: of("soft"), line: of("line"), faint: of("faint"),
        positive: of("positive"), negative: of("negative"), accent: of("accent"), dark };
  return inks;
}

// Pictures that leave the page, and paper, are dark on white.
export function onPaper<T>(draw: () => T): T {
  paper = true;
  themeChanged();
  try {
    return draw();
  } finally {
    paper = false;
    themeChanged();
  }
}

export function themeChanged(): void {
  inks = null;
  known.clear();
}

type Rgb = [number, number, number];
const parsed = (hex: string): Rgb => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16)) as Rgb;
const hexed = (rgb: Rgb) => "#" + rgb.map((x) => Math.round(x).toString(16).padStart(2, "0")).join("");
const linear = (x: number) => (x <= 10.3 ? x / 3294.6 : ((x / 255 + 0.055) / 1.055) ** 2.4);
export const luminance = (hex: string) => {
  const [r, g, b] = parsed(hex).map(linear);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a: number, b: number) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);

export function visible(hex: string): string {
  const found = known.get(hex);
  if (found) return found;
  const { ground, dark } = theme();
  const behind = luminance(ground), least = dark ? 3 : 2.2;
  let rgb = parsed(hex);
  const end = dark ? 255 : 0;
  for (let k = 0; k < 20 && contrast(luminance(hexed(rgb)), behind) < least; k++) {
    rgb = rgb.map((x) => x + 0.12 * (end - x)) as Rgb;
  }
  known.set(hex, hexed(rgb));
  return hexed(rgb);
}

export function mixed(a: string, b: string, share: number): string {
  const [x, y] = [parsed(a), parsed(b)];
  return hexed(x.map((value, k) => value + share * (y[k] - value)) as Rgb);
}

// Okabe and Ito, as in geomsup.plotting.
export const PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195"];
export const ALONE = "#9C9C9C";

// Blue, white, red over [-1, 1]; on a dark ground the middle is dark.
export function diverging(x: number): string {
  const { ground, negative, positive } = theme();
  return mixed(ground, x < 0 ? negative : positive, Math.min(1, Math.abs(x)));
}
