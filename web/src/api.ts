// What the server says and takes. Runs are called by id; nothing here names a path.

export interface Term { id: string; label: string }

export interface Unit {
  number: number;
  name: string;
  colour: string;
  pixels: number;
  area: number | null;
  share: number;
  mean: number[];
  sd: number[];
  hidden: boolean;
  lithology: Term;
  age: Term;
  order: number | null;
  confidence: string;
  notes: string;
}

export interface Band { name: string; wavelength_um: number | null; quantity: string }

export interface Run {
  id: string;
  title: string;
  scene: string;
  bounds: [number, number, number, number];
  max_zoom: number;
  on_earth: boolean;
  crs: string | null;
  shape: [number, number];
  bands: Band[];
  quantity: string;
  area_unit: "m2" | "pixel";
  composite: [number, number, number];
  layers: string[];
  report: boolean;
}

export interface State {
  units: Unit[];
  /** Unit that each label of a tile is drawn as; 0 is nothing. */
  table: number[];
  /** Changes when tiles must be asked for anew: after a split. */
  cut: string;
  undo: string | null;
  redo: string | null;
  edits: number;
  /** The run's folder cannot be written, so that no edit can be saved. */
  read_only: boolean;
  new?: number;
}

export interface Imagery { state: "ready" | "preparing" | "missing"; progress?: number; why?: string }

export interface Match { name: string; angle: number; values: (number | null)[] }

export interface Look {
  kind: "point" | "polygon";
  crs: [number, number] | null;
  degrees: [number, number] | null;
  row?: number;
  column?: number;
  outside?: boolean;
  unit?: number | null;
  units?: { unit: number; pixels: number }[];
  pixels?: number;
  area?: number | null;
  spectrum?: number[] | null;
  sd?: number[] | null;
  confidence?: number | null;
  unlike?: boolean;
  library: Match[];
}

export type Corner = [number, number];
export interface Start { version: string; basemap: string; library: boolean; runs: Run[] }

const token = document.querySelector<HTMLMetaElement>("meta[name=outcrop-token]")?.content ?? "";

async function answer<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T;
  const body = (await response.json().catch(() => ({}))) as { detail?: unknown };
  throw new Error(typeof body.detail === "string" ? body.detail : `the server answered ${response.status}`);
}

async function ask(path: string, how?: RequestInit): Promise<Response> {
  try {
    return await fetch(path, how);
  } catch {
    throw new Error("The workbench does not answer, and nothing was changed. Start `outcrop serve` again and load this page anew.");
  }
}

async function get<T>(path: string): Promise<T> {
  return answer<T>(await ask(path));
}

async function post<T>(path: string, body: unknown = {}): Promise<T> {
  return answer<T>(
    await ask(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-outcrop-token": token },
      body: JSON.stringify(body),
    }),
  );
}

const of = (run: string, what: string): string => `/api/runs/${encodeURIComponent(run)}${what}`;

export const api = {
  start: () => get<Start>("/api/runs"),
  state: (run: string) => get<State & { imagery: Imagery }>(of(run, "")),
  edit: (run: string, edit: Record<string, unknown>) => post<State>(of(run, "/edits"), edit),
  split: (run: string, unit: number, ring: Corner[]) => post<State>(of(run, "/split"), { unit, ring }),
  undo: (run: string) => post<State>(of(run, "/undo")),
  redo: (run: string) => post<State>(of(run, "/redo")),
  lookAt: (run: string, point: Corner) => post<Look>(of(run, "/look"), { point }),
  lookIn: (run: string, ring: Corner[]) => post<Look>(of(run, "/look"), { ring }),
  export: (run: string) => post<{ name: string; bytes: number }>(of(run, "/export")),
  exported: (run: string) => of(run, "/export"),
  report: (run: string) => of(run, "/report"),
  tiles: (run: string, layer: string, query = "") =>
    `${location.origin}${of(run, `/${layer}/tiles/WebMercatorQuad`)}/{z}/{x}/{y}.png${query}`,
};
