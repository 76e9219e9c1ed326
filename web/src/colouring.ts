// Tiles of raw numbers, coloured here: recolouring, merging and hiding ask the server for nothing.

import maplibregl from "maplibre-gl";

/** How the labels of one run are drawn. */
export interface Drawing {
  /** Unit of each label; 0 is nothing. */
  table: number[];
  /** Colour of each unit that is drawn. */
  colours: Map<number, [number, number, number]>;
  /** Hatch of each unit, or none. */
  patterns: Map<number, number> | null;
  /** Whether numbers are written on the map. */
  numbers: boolean;
}

const SIZE = 256;
/** Raw tiles kept, of 64 KiB each. */
const MOST = 600;
export const PATTERNS = 8;

const drawings = new Map<string, Drawing>();
const raw = new Map<string, Promise<Uint8Array | null>>();

export function setDrawing(run: string, drawing: Drawing): void {
  drawings.set(run, drawing);
}

/** Whether a hatch has ink at a pixel; pattern 0 has none, and all repeat every 8 pixels. */
export function inked(pattern: number, x: number, y: number): boolean {
  const a = x & 7;
  const b = y & 7;
  switch (pattern) {
    case 1: return ((a + b) & 7) < 2;
    case 2: return ((a - b) & 7) < 2;
    case 3: return b < 2;
    case 4: return a < 2;
    case 5: return (a & 3) < 2 && (b & 3) < 2 && ((a + b) & 4) === 0;
    case 6: return ((a + b) & 7) < 1 || ((a - b) & 7) < 1;
    case 7: return a < 1 || b < 1;
    default: return false;
  }
}

/** Return a coloured pixel's ink: darker on light colours, lighter on dark ones. */
function ink(channel: number, dark: boolean): number {
  return dark ? channel + (255 - channel) * 0.55 : channel * 0.5;
}

async function numbersOf(url: string, signal: AbortSignal): Promise<Uint8Array | null> {
  const response = await fetch(url, { signal });
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`tile: ${response.status}`);
  const options: ImageBitmapOptions = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(await response.blob(), options);
  const context = new OffscreenCanvas(SIZE, SIZE).getContext("2d", { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, SIZE, SIZE).data;
  const out = new Uint8Array(SIZE * SIZE);
  for (let i = 0; i < out.length; i++) out[i] = rgba[4 * i]!;
  return out;
}

function kept(url: string, signal: AbortSignal): Promise<Uint8Array | null> {
  const known = raw.get(url);
  if (known) {
    raw.delete(url);
    raw.set(url, known);
    return known;
  }
  const asked = numbersOf(url, signal);
  raw.set(url, asked);
  asked.catch(() => raw.delete(url));
  if (raw.size > MOST) raw.delete(raw.keys().next().value!);
  return asked;
}

function paintUnits(labels: Uint8Array, drawing: Drawing): OffscreenCanvas {
  const canvas = new OffscreenCanvas(SIZE, SIZE);
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(SIZE, SIZE);
  const units = new Uint8Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    const unit = drawing.table[labels[i]!] ?? 0;
    const colour = drawing.colours.get(unit);
    if (!colour) continue;
    units[i] = unit;
    let [r, g, b] = colour;
    const pattern = drawing.patterns?.get(unit) ?? 0;
    if (pattern && inked(pattern, i % SIZE, (i / SIZE) | 0)) {
      const dark = 0.3 * r + 0.59 * g + 0.11 * b < 110;
      [r, g, b] = [ink(r, dark), ink(g, dark), ink(b, dark)];
    }
    image.data.set([r, g, b, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  if (drawing.numbers) writeNumbers(context, units);
  return canvas;
}

/** Numbers stand this far apart, and only where a unit fills a square of this side. */
const APART = 56;
const ROOM = 15;

/** Write a unit's number in the middle of the largest squares that it fills. */
function writeNumbers(context: OffscreenCanvasRenderingContext2D, units: Uint8Array): void {
  context.font = "600 13px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.strokeStyle = "rgba(255,255,255,.85)";
  context.fillStyle = "#1c1b19";
  for (const [unit, x, y] of placesOf(units)) {
    context.strokeText(String(unit), x, y);
    context.fillText(String(unit), x, y);
  }
}

/** Return unit, x and y of each number: the roomiest places first, none too near to another. */
export function placesOf(units: Uint8Array): [number, number, number][] {
  // Side of the largest square of one unit that ends at a pixel; the largest of each cell and unit is kept.
  const side = new Uint16Array(SIZE * SIZE);
  const best = new Map<number, [number, number, number, number]>();
  for (let i = 0; i < units.length; i++) {
    const unit = units[i]!;
    const [x, y] = [i % SIZE, (i / SIZE) | 0];
    side[i] = 1;
    if (!unit) continue;
    if (x && y && units[i - 1] === unit && units[i - SIZE] === unit && units[i - SIZE - 1] === unit) {
      side[i] = 1 + Math.min(side[i - 1]!, side[i - SIZE]!, side[i - SIZE - 1]!);
    }
    const size = side[i]!;
    if (size < ROOM) continue;
    const cell = (unit << 8) | ((y >> 6) << 4) | (x >> 6);
    if (size > (best.get(cell)?.[0] ?? 0)) best.set(cell, [size, unit, x - (size >> 1), y - (size >> 1)]);
  }
  const places: [number, number, number][] = [];
  for (const [, unit, x, y] of [...best.values()].sort((a, b) => b[0] - a[0])) {
    const clear = places.every(([other, u, v]) => Math.hypot(u - x, v - y) > (other === unit ? APART : APART / 2));
    if (clear) places.push([unit, x, y]);
  }
  return places;
}

/** The less sure, the whiter: 100 % is clear. What is unlike any unit (0) has a colour of its own. */
function paintVeil(values: Uint8Array): OffscreenCanvas {
  const canvas = new OffscreenCanvas(SIZE, SIZE);
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(SIZE, SIZE);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value === 0) image.data.set([0, 179, 179, 255], 4 * i);
    else if (value <= 100) image.data.set([255, 255, 255, Math.round((100 - value) * 2.55)], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Begin to answer for addresses `outcrop://RUN#KIND#REVISION#http…`. */
export function install(): void {
  maplibregl.addProtocol("outcrop", async (request, abort) => {
    const [run = "", kind, , ...rest] = request.url.slice("outcrop://".length).split("#");
    const values = await kept(rest.join("#"), abort.signal);
    const drawing = drawings.get(run);
    if (!values || !drawing) return { data: await createImageBitmap(new ImageData(1, 1)) };
    const canvas = kind === "veil" ? paintVeil(values) : paintUnits(values, drawing);
    return { data: await createImageBitmap(canvas) };
  });
}

export function rgb(colour: string): [number, number, number] {
  const n = parseInt(colour.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}
