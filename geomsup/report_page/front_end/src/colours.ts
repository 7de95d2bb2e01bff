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
  wheel = null;
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

// Where a colour is in OKLab (Ottosson 2020), in which distances are those that are seen.
function seen(hex: string): Rgb {
  const [r, g, b] = parsed(hex).map(linear);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

const gap = (a: Rgb, b: Rgb) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
// Colours that are closer than this are taken for one another.
const APART = 0.07;
// Colours that a picture can keep apart at all.
const MOST_APART = 60;

// Colours on this ground, in their order: what looks like one before it becomes lighter or darker.
export function separated(colors: string[]): string[] {
  const used: Rgb[] = [];
  return colors.map((color, k) => {
    let best = visible(color);
    if (k >= MOST_APART) return best;
    const away = (hex: string) => Math.min(...used.map((one) => gap(one, seen(hex))), 1);
    if (away(best) < APART) {
      const tones = [0.25, 0.45, 0.65, 0.8].flatMap((share) => [visible(mixed(color, "#ffffff", share)), visible(mixed(color, "#000000", share))]);
      for (const tone of tones) if (away(tone) > away(best)) best = tone;
    }
    used.push(seen(best));
    return best;
  });
}

let wheel: { dark: boolean; colors: string[]; places: Rgb[] } | null = null;

// Colours that are as far as can be from others, and from each other.
export function others(used: string[], n: number): string[] {
  const { dark } = theme();
  if (wheel?.dark !== dark) {
    const colors = PALETTE.flatMap((color) => [0, 0.4].flatMap((share) => [mixed(color, "#ffffff", share), mixed(color, "#000000", share)]));
    for (let k = 0; k < 36; k++) colors.push(hued(k / 36, k % 2 ? 0.38 : 0.58));
    const shown = [...new Set(colors.map(visible))];
    wheel = { dark, colors: shown, places: shown.map(seen) };
  }
  const { colors, places } = wheel;
  const taken = used.slice(0, MOST_APART).map(seen);
  const away = places.map((place) => Math.min(1, ...taken.map((one) => gap(place, one))));
  const found: string[] = [];
  for (let k = 0; k < Math.min(n, 24); k++) {
    const next = away.indexOf(Math.max(...away));
    found.push(colors[next]);
    places.forEach((place, c) => (away[c] = Math.min(away[c], gap(place, places[next]))));
  }
  return found;
}

function hued(turn: number, light: number): string {
  const channel = (shift: number) => {
    const at = (turn * 12 + shift) % 12;
    return 255 * (light - 0.65 * Math.min(light, 1 - light) * Math.max(-1, Math.min(at - 3, 9 - at, 1)));
  };
  return hexed([channel(0), channel(8), channel(4)]);
}

// Blue, white, red over [-1, 1]; on a dark ground the middle is dark.
export function diverging(x: number): string {
  const { ground, negative, positive } = theme();
  return mixed(ground, x < 0 ? negative : positive, Math.min(1, Math.abs(x)));
}
