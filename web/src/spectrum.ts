// Spectra as a chart: what was looked at, its unit's mean and deviation, and the library.

import type { Band, Look, Unit } from "./api";

export interface Line {
  name: string;
  values: (number | null)[];
  sd?: number[];
  colour: string;
  dash?: string;
  width?: number;
}

const WIDTH = 460;
const HEIGHT = 224;
/** Keys that there is room for; the legend has the colours of more. */
const MOST_KEYS = 24;
const EDGE = { left: 48, right: 14, top: 10, bottom: 40 };

const short = (v: number): string => (Math.abs(v) >= 1000 ? v.toFixed(0) : String(Number(v.toPrecision(3))));

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** Steps of 1, 2 or 5 that cut a range into about four. */
function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? 10 * power;
  const out: number[] = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) out.push(k * step);
  return out;
}

/** A unit's mean, without its deviation, which would hide the others. */
export function meanOf(unit: Unit): Line {
  return { name: `${unit.number} ${unit.name}`, values: unit.mean, sd: [], colour: unit.colour, width: 2.5 };
}

export function linesOf(look: Look | null, units: Unit[]): Line[] {
  const lines: Line[] = units.map((unit) => ({ ...meanOf(unit), name: `${unit.number} ${unit.name}, mean`, sd: unit.sd, width: 3 }));
  if (look?.spectrum) {
    const name = look.kind === "point" ? "This pixel" : "This polygon, mean";
    lines.push({ name, values: look.spectrum, colour: "var(--ink)", width: 2 });
    for (const [i, match] of look.library.slice(0, 3).entries()) {
      lines.push({
        name: `${match.name} (${match.angle.toFixed(1)}°)`, values: scaled(match.values, look.spectrum),
        colour: "var(--soft)", dash: ["6 3", "2 3", "8 3 2 3"][i]!, width: 1.5,
      });
    }
  }
  return lines;
}

/** Bring a library spectrum to the mean of the measured one: the angle says nothing of brightness. */
function scaled(values: (number | null)[], to: number[]): (number | null)[] {
  let theirs = 0;
  let ours = 0;
  values.forEach((v, i) => {
    if (v !== null) {
      theirs += v;
      ours += to[i]!;
    }
  });
  return values.map((v) => (v === null || !theirs ? null : (v * ours) / theirs));
}

/** Return the chart as SVG, and the same numbers as a table for those who cannot see it. */
export function chart(bands: Band[], lines: Line[], quantity: string): string {
  if (!lines.length) return "";
  const by = bands.every((b) => b.wavelength_um) && new Set(bands.map((b) => b.wavelength_um)).size === bands.length;
  const xs = bands.map((b, i) => (by ? b.wavelength_um! : i + 1));
  const order = xs.map((_, i) => i).sort((a, b) => xs[a]! - xs[b]!);
  const all = lines.flatMap((l) => l.values.flatMap((v, i) => (v === null ? [] : [v - (l.sd?.[i] ?? 0), v + (l.sd?.[i] ?? 0)])));
  const low = Math.min(...all);
  const high = Math.max(...all);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const x = (v: number): number => EDGE.left + ((v - x0) / (x1 - x0 || 1)) * (WIDTH - EDGE.left - EDGE.right);
  const y = (v: number): number => HEIGHT - EDGE.bottom - ((v - low) / (high - low || 1)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const path = (values: (number | null)[]): string =>
    order.flatMap((i) => (values[i] === null ? [] : [`${x(xs[i]!).toFixed(1)},${y(values[i]!).toFixed(1)}`])).join(" ");
  const parts: string[] = [];
  for (const v of ticks(low, high)) {
    parts.push(`<line class="grid" x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${y(v)}" y2="${y(v)}"/><text class="tick" x="${EDGE.left - 6}" y="${y(v) + 4}" text-anchor="end">${short(v)}</text>`);
  }
  const step = Math.max(1, Math.ceil(order.length / 9));
  let last = -Infinity;
  order.forEach((i, k) => {
    if (k % step || x(xs[i]!) - last < 34) return;
    last = x(xs[i]!);
    parts.push(`<text class="tick" x="${last}" y="${HEIGHT - 23}" text-anchor="middle">${by ? xs[i]!.toFixed(2) : escape(bands[i]!.name)}</text>`);
  });
  parts.push(`<text class="tick" x="${(WIDTH + EDGE.left) / 2}" y="${HEIGHT - 5}" text-anchor="middle">${by ? "wavelength (µm)" : "band"} · ${escape(quantity)}</text>`);
  for (const line of lines) {
    if (line.sd?.length) {
      const up = line.values.map((v, i) => (v === null ? null : v + line.sd![i]!));
      const down = line.values.map((v, i) => (v === null ? null : v - line.sd![i]!));
      parts.push(`<polygon fill="${line.colour}" opacity=".25" points="${path(up)} ${path(down).split(" ").reverse().join(" ")}"/>`);
    }
    // Light colours are seen on paper, and dark ones at night, by their edge.
    if (line.sd) parts.push(`<polyline class="edge" points="${path(line.values)}"/>`);
    parts.push(`<polyline fill="none" stroke="${line.colour}" stroke-width="${line.width ?? 2}" ${line.dash ? `stroke-dasharray="${line.dash}"` : ""} points="${path(line.values)}"/>`);
    if (bands.length < 40) {
      parts.push(...path(line.values).split(" ").map((p) => `<circle r="2.5" fill="${line.colour}" cx="${p.split(",")[0]}" cy="${p.split(",")[1]}"/>`));
    }
  }
  const keys = lines.map((l) => `<li><svg width="26" height="10" aria-hidden="true"><line x1="0" x2="26" y1="5" y2="5" stroke="${l.colour}" stroke-width="${l.width ?? 2}" ${l.dash ? `stroke-dasharray="${l.dash}"` : ""}/></svg> ${escape(l.name)}</li>`);
  return `<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">${parts.join("")}</svg><ul class="keys${keys.length > 6 ? " many" : ""}">${keys.slice(0, MOST_KEYS).join("")}</ul>${table(bands, lines)}`;
}

function table(bands: Band[], lines: Line[]): string {
  const rows = bands.map(
    (b, i) => `<tr><th scope="row">${escape(b.name)}</th>${lines.map((l) => `<td>${l.values[i] === null ? "" : short(l.values[i]!)}</td>`).join("")}</tr>`,
  );
  return `<details class="numbers"><summary>Numbers</summary><div class="scroll"><table><thead><tr><th scope="col">Band</th>${lines.map((l) => `<th scope="col">${escape(l.name)}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div></details>`;
}
