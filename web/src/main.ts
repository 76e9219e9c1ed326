import "maplibre-gl/dist/maplibre-gl.css";
import "./style.css";
import { api, type Corner, type Imagery, type Look, type Match, type Run, type Start, type State, type Unit } from "./api";
import { PATTERNS, install, rgb, setDrawing } from "./colouring";
import { Legend, area } from "./legend";
import { chart, escape, linesOf, meanOf } from "./spectrum";
import { addLists } from "./terms";
import { View, link, type Looks } from "./view";

const find = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const MOST_VIEWS = 4;

/** What a run shows here and keeps nowhere. */
interface Open { run: Run; state: State; off: Set<number>; view: View | null; imagery: Imagery }

class Workbench {
  private readonly open = new Map<string, Open>();
  private active: Open;
  private chosen: number | null = null;
  private look: Look | null = null;
  private drawing: { ring: Corner[]; unit: number | null } | null = null;
  private looks: Looks = { swipe: 33, opacity: 1, veil: 0, channels: "" };
  private patterns = false;
  private numbers = false;
  private beside = false;
  private readonly legend: Legend;

  constructor(private readonly start: Start, opened: Open[]) {
    for (const one of opened) this.open.set(one.run.id, one);
    this.active = opened[0]!;
    this.looks.channels = this.active.run.composite.join(",");
    this.legend = new Legend(find<HTMLOListElement>("units"), {
      choose: (unit) => this.choose(unit),
      toggle: (unit) => this.toggle(unit),
      edit: (edit) => void this.edit((id) => api.edit(id, edit)),
      split: (unit) => this.beginDrawing(unit),
    });
    this.bar();
    this.showViews();
    this.draw();
    this.showLook();
    void this.watchImagery();
  }

  private bar(): void {
    const runs = [...this.open.values()];
    const several = runs.length > 1;
    find("run-choice").hidden = find("compare").hidden = !several;
    const select = find<HTMLSelectElement>("run");
    select.innerHTML = runs.map((o) => `<option value="${escape(o.run.id)}">${escape(o.run.title)}</option>`).join("");
    select.addEventListener("change", () => this.activate(select.value));
    find("compare").addEventListener("click", () => {
      this.beside = !this.beside;
      find("compare").setAttribute("aria-pressed", String(this.beside));
      this.showViews();
    });
    find("undo").addEventListener("click", () => void this.edit((id) => api.undo(id), "Undone"));
    find("redo").addEventListener("click", () => void this.edit((id) => api.redo(id), "Done again"));
    find("polygon").addEventListener("click", () => (this.drawing ? this.endDrawing() : this.beginDrawing(null)));
    find("export").addEventListener("click", () => void this.export());
    find("all").addEventListener("click", () => {
      const { off, state } = this.active;
      const any = state.units.some((u) => !u.hidden && !off.has(u.number));
      off.clear();
      if (any) state.units.forEach((u) => off.add(u.number));
      this.draw();
    });
    document.addEventListener("keydown", (event) => this.key(event));
    // What another tab, or `outcrop` itself, did meanwhile.
    document.addEventListener("visibilitychange", () => void this.catchUp());
    window.addEventListener("focus", () => void this.catchUp());
    for (const pop of document.querySelectorAll<HTMLDetailsElement>(".pop")) {
      pop.addEventListener("toggle", () => {
        if (pop.open) for (const other of document.querySelectorAll<HTMLDetailsElement>(".pop")) if (other !== pop) other.open = false;
      });
    }
    document.addEventListener("click", (event) => {
      for (const pop of document.querySelectorAll<HTMLDetailsElement>(".pop[open]")) {
        if (!pop.contains(event.target as Node)) pop.open = false;
      }
    });
    this.showSheet();
  }

  private key(event: KeyboardEvent): void {
    const typing = (event.target as HTMLElement).closest("input:not([type=checkbox]):not([type=range]), textarea, select");
    if (event.key === "Escape") {
      for (const pop of document.querySelectorAll<HTMLDetailsElement>(".pop[open]")) pop.open = false;
      if (this.drawing) {
        this.cancelDrawing();
        this.say("");
      }
    }
    if (typing || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    find(event.shiftKey ? "redo" : "undo").click();
  }

  /** Sliders and switches of the sheet "View". */
  private showSheet(): void {
    const sheet = find("show");
    sheet.innerHTML = `
      <label>Opacity of the units<input type="range" id="opacity" min="0" max="100" value="100"></label>
      <div id="veil-row">
        <label class="check"><input type="checkbox" id="veiled"> <span>Veil over what is unsure <small>(white; blue-green is unlike any unit)</small></span></label>
        <label>Strength of the veil<input type="range" id="veil" min="0" max="100" value="70"></label>
      </div>
      <label class="check"><input type="checkbox" id="patterns"> Patterns</label>
      <label class="check"><input type="checkbox" id="numbers"> Numbers on the map</label>
      <button id="fit">Show the whole map</button>`;
    const share = (id: string): number => Number(find<HTMLInputElement>(id).value) / 100;
    const look = (): void => {
      this.looks.opacity = share("opacity");
      this.looks.veil = find<HTMLInputElement>("veiled").checked ? share("veil") : 0;
      this.applyLooks();
    };
    for (const id of ["opacity", "veil", "veiled"]) find(id).addEventListener("input", look);
    for (const key of ["patterns", "numbers"] as const) {
      find<HTMLInputElement>(key).addEventListener("change", (event) => {
        this[key] = (event.target as HTMLInputElement).checked;
        this.draw();
      });
    }
    find("fit").addEventListener("click", () => this.active.view?.fit());
  }

  /** Choices of the sheet "Imagery": presets, or three channels that are bands or ratios. */
  private showImagery(): void {
    const { run, imagery } = this.active;
    const sheet = find("imagery");
    if (imagery.state !== "ready") {
      sheet.innerHTML = `<p>${escape(said(imagery))}</p>`;
      return;
    }
    const presets: [string, string][] = [[run.composite.join(","), `Default (${run.composite.map((i) => run.bands[i - 1]!.name).join(", ")})`]];
    const near = (um: number): number => {
      const off = run.bands.map((b) => Math.abs((b.wavelength_um ?? 99) - um));
      return off.indexOf(Math.min(...off)) + 1;
    };
    const visible = [0.66, 0.56, 0.48].map(near);
    if (visible.every((i, k) => Math.abs((run.bands[i - 1]!.wavelength_um ?? 99) - [0.66, 0.56, 0.48][k]!) < 0.06)) {
      presets.push([visible.join(","), "True colour"]);
    }
    if (run.bands.some((b) => (b.wavelength_um ?? 0) > 2) && run.bands.some((b) => Math.abs((b.wavelength_um ?? 0) - 1.6) < 0.15)) {
      presets.push([`${near(1.63)}/${near(2.2)},${near(0.66)}/${near(0.48)},${near(1.63)}/${near(0.85)}`, "Ratios: clay, iron oxide, ferrous"]);
    }
    if (run.layers.includes("code")) presets.push(["code", "The code that was clustered"]);
    const bands = (none: string): string =>
      `${none}${run.bands.map((b, i) => `<option value="${i + 1}">${escape(b.name)}${b.wavelength_um ? ` (${b.wavelength_um.toFixed(2)} µm)` : ""}</option>`).join("")}`;
    const channel = (colour: string): string =>
      `<div class="channel"><span>${colour}</span><select aria-label="${colour}" data-part="band">${bands("")}</select><span>over</span><select aria-label="${colour}, divided by" data-part="over">${bands('<option value="">1</option>')}</select></div>`;
    sheet.innerHTML = `<label>Composite<select id="preset">${presets.map(([v, n]) => `<option value="${v}">${escape(n)}</option>`).join("")}<option value="">My own</option></select></label>
      <fieldset><legend>Channels</legend>${["Red", "Green", "Blue"].map(channel).join("")}</fieldset>`;
    const preset = find<HTMLSelectElement>("preset");
    const rows = [...sheet.querySelectorAll<HTMLElement>(".channel")];
    const parts = (row: HTMLElement): HTMLSelectElement[] => [...row.querySelectorAll("select")];
    const fill = (): void => {
      preset.value = presets.some(([v]) => v === this.looks.channels) ? this.looks.channels : "";
      if (this.looks.channels === "code") return;
      this.looks.channels.split(",").forEach((text, i) => {
        const [band = "", over = ""] = text.split("/");
        const [one, two] = parts(rows[i]!);
        one!.value = band;
        two!.value = over;
      });
    };
    fill();
    preset.addEventListener("change", () => {
      if (!preset.value) return;
      this.looks.channels = preset.value;
      fill();
      this.applyLooks();
    });
    sheet.querySelector("fieldset")!.addEventListener("change", () => {
      this.looks.channels = rows.map((row) => parts(row).map((s) => s.value).filter(Boolean).join("/")).join(",");
      fill();
      this.applyLooks();
    });
  }

  private applyLooks(): void {
    for (const { view, run } of this.open.values()) {
      // Channels are of the bands of one run: others keep theirs unless the bands are the same.
      const same = run.bands.map((b) => b.name).join() === this.active.run.bands.map((b) => b.name).join();
      view?.apply(same ? this.looks : { ...this.looks, channels: run.composite.join(",") });
    }
  }

  private showViews(): void {
    const box = find("maps");
    const shown = this.beside ? [...this.open.values()].slice(0, MOST_VIEWS) : [this.active];
    if (!shown.includes(this.active)) shown[shown.length - 1] = this.active;
    for (const one of this.open.values()) {
      if (!shown.includes(one) && one.view) one.view.element.remove();
    }
    box.dataset["count"] = String(shown.length);
    requestAnimationFrame(() => {
      for (const one of shown) one.view?.element.classList.toggle("active", shown.length > 1 && one === this.active);
    });
    const fresh: View[] = [];
    for (const one of shown) {
      if (!one.view) {
        one.view = new View(one.run, { ...this.looks, channels: one.run.composite.join(",") }, this.start.basemap, box, {
          click: (at) => this.clicked(at),
          focus: () => this.activate(one.run.id),
          failed: (what) => this.say(what, true),
          swipe: (value) => {
            this.looks.swipe = value;
            this.applyLooks();
          },
        });
        fresh.push(one.view);
        this.colour(one);
      }
      box.append(one.view.element);
      one.view.setImagery(one.imagery.state, one.imagery.state === "ready" ? "" : said(one.imagery));
    }
    if (fresh.length) link([...this.open.values()].flatMap((o) => (o.view ? [o.view] : [])).filter((v, _, all) => fresh.includes(v) || all.some((w) => fresh.includes(w))));
    // A view that was beside others, or alone, has other room now: show what it showed, or all.
    requestAnimationFrame(() => shown.forEach((o) => o.view!.map.resize()));
    this.mark();
  }

  private activate(id: string): void {
    const next = this.open.get(id);
    if (!next || next === this.active) return;
    this.active = next;
    this.chosen = this.look = null;
    if (this.drawing) {
      this.cancelDrawing();
      this.say("");
    }
    find<HTMLSelectElement>("run").value = id;
    this.showViews();
    this.draw();
    this.showLook();
  }

  private patternsOf(one: Open): Map<number, number> | null {
    return this.patterns ? new Map(one.state.units.map((u, i) => [u.number, i % PATTERNS])) : null;
  }

  private colour(one: Open): void {
    const shown = one.state.units.filter((u) => !u.hidden && !one.off.has(u.number));
    setDrawing(one.run.id, {
      table: one.state.table,
      colours: new Map(shown.map((u) => [u.number, rgb(u.colour)])),
      patterns: this.patternsOf(one),
      numbers: this.numbers,
    });
    one.view?.refresh(one.state.cut);
  }

  private draw(): void {
    const { run, state, off } = this.active;
    for (const one of this.open.values()) {
      this.colour(one);
    }
    this.legend.draw(state, this.chosen, off, this.patternsOf(this.active));
    find("run-title").title = find("run-title").textContent = `${run.title === run.scene ? "" : `${run.title} · `}${run.scene}${run.crs ? ` · ${run.crs}` : " · rows and columns"}`;
    const report = find<HTMLAnchorElement>("report");
    report.hidden = !run.report;
    report.href = api.report(run.id);
    report.title = state.edits ? "Of the map as edited" : "Of the map as it was made";
    find("locked").hidden = !state.read_only;
    find<HTMLButtonElement>("undo").disabled = !state.undo || state.read_only;
    find<HTMLButtonElement>("redo").disabled = !state.redo || state.read_only;
    find("undo").setAttribute("aria-label", state.undo ? `Undo ${state.undo}` : "Nothing to undo");
    find("redo").setAttribute("aria-label", state.redo ? `Redo ${state.redo}` : "Nothing to redo");
    find("all").textContent = state.units.some((u) => !u.hidden && !off.has(u.number)) ? "Hide all" : "Show all";
    find("veil-row").hidden = !run.layers.includes("confidence");
    find("saved").textContent = state.edits ? `${state.edits} ${state.edits === 1 ? "edit" : "edits"}, saved in legend.json over the map as it was made.` : state.read_only ? "As mapped." : "As mapped. Edits are saved in legend.json; the map stays as it was made.";
    this.showImagery();
  }

  private unit(number: number | null | undefined): Unit | undefined {
    return this.active.state.units.find((u) => u.number === number);
  }

  private choose(unit: number): void {
    this.chosen = this.chosen === unit ? null : unit;
    this.draw();
    this.showLook();
  }

  private toggle(unit: number): void {
    const { off } = this.active;
    off.has(unit) ? off.delete(unit) : off.add(unit);
    this.draw();
  }

  /** Edits go out one after the other, so that they are undone in the order in which they were made. */
  private edit(change: (id: string) => Promise<State>, words = "Saved"): Promise<void> {
    const one = this.active;
    this.queue = this.queue.then(() => this.send(one, change, words));
    return this.queue;
  }
  private queue: Promise<void> = Promise.resolve();

  private async send(one: Open, change: (id: string) => Promise<State>, words: string): Promise<void> {
    try {
      one.state = await change(one.run.id);
      if (one.state.new) this.chosen = one.state.new;
      else if (this.chosen !== null && !this.unit(this.chosen)) {
        this.chosen = one.state.units.find((u) => u.number === one.state.table[this.chosen ?? 0])?.number ?? null;
      }
      this.say(words);
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error), true);
      // What was typed stays in its field, unless another tab has changed the legend meanwhile.
      const now = await api.state(one.run.id).catch(() => null);
      if (!now || !this.takeOver(one, now)) return;
    }
    this.draw();
    this.showLook();
  }

  /** Take a state of the server as ours; tell whether it is another one. */
  private takeOver(one: Open, { imagery, ...state }: State & { imagery: Imagery }): boolean {
    one.imagery = imagery;
    if (JSON.stringify(state) === JSON.stringify({ ...one.state, new: undefined })) return false;
    one.state = state;
    if (one === this.active && this.chosen !== null && !this.unit(this.chosen)) this.chosen = null;
    return true;
  }

  /** Take over edits that were made elsewhere; never while something is being typed or drawn. */
  private async catchUp(): Promise<void> {
    if (document.hidden || this.drawing || document.activeElement?.closest("#units form")) return;
    for (const one of this.open.values()) {
      try {
        if (!this.takeOver(one, await api.state(one.run.id))) continue;
        this.draw();
        this.showLook();
      } catch (error) {
        this.say(error instanceof Error ? error.message : String(error), true);
      }
    }
  }

  private clicked(at: Corner): void {
    if (this.drawing) {
      this.drawing.ring.push(at);
      this.mark();
      this.say(`${this.drawing.ring.length} corners; Finish closes the polygon`);
      return;
    }
    void this.lookUp(() => api.lookAt(this.active.run.id, at), at, []);
  }

  private async lookUp(ask: () => Promise<Look>, point: Corner | null, ring: Corner[]): Promise<void> {
    this.active.view?.mark(point, ring, true);
    try {
      this.look = await ask();
      this.showLook();
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error), true);
    }
  }

  private beginDrawing(unit: number | null): void {
    this.drawing = { ring: [], unit };
    this.mark();
    document.body.classList.add("drawing");
    const button = find("polygon");
    button.textContent = "Finish";
    button.classList.add("main");
    const name = this.unit(unit)?.name;
    this.say(`${name ? `Draw around the part of ${name} to split off` : "Draw around a place"}: click its corners, then Finish. Escape cancels.`);
    this.active.view?.map.getCanvas().focus();
  }

  private cancelDrawing(): void {
    this.drawing = null;
    document.body.classList.remove("drawing");
    const button = find("polygon");
    button.textContent = "Draw polygon";
    button.classList.remove("main");
    this.active.view?.mark(null, [], true);
  }

  private endDrawing(): void {
    const { ring, unit } = this.drawing!;
    if (ring.length < 3) {
      this.say("A polygon has three corners at least; click more places, or press Escape", true);
      return;
    }
    this.cancelDrawing();
    this.say("");
    if (unit === null) void this.lookUp(() => api.lookIn(this.active.run.id, ring), null, ring);
    else void this.edit((id) => api.split(id, unit, ring), "Split off");
  }

  private mark(): void {
    if (this.drawing) this.active.view?.mark(null, this.drawing.ring, false);
  }

  private showLook(): void {
    const { run } = this.active;
    const { look } = this;
    const unit = this.unit(look?.unit);
    const shown = this.unit(this.chosen);
    find("look-title").textContent = look ? (look.kind === "point" ? "Spectrum of a pixel" : "Spectrum of a polygon") : shown ? "Spectrum of a unit" : "Mean spectra of the units";
    const facts: [string, string][] = [];
    if (look) {
      const at = look.kind === "point" ? "" : " (centre)";
      if (look.outside) facts.push(["Place", "outside the map"]);
      if (look.kind === "point") facts.push(["Unit", unit ? `${unit.number} ${unit.name}` : "no data"]);
      else {
        const total = Math.max(look.pixels ?? 0, 1);
        facts.push(["Units", (look.units ?? []).slice(0, 4).map((u) => `${u.unit} ${this.unit(u.unit)?.name ?? ""} ${((100 * u.pixels) / total).toFixed(0)} %`).join(", ") || "no data"]);
        facts.push(["Size", area({ area: look.area ?? null, pixels: look.pixels ?? 0 })]);
      }
      if (look.confidence !== null && look.confidence !== undefined) facts.push(["Confidence", look.unlike ? "unlike any unit" : `${look.confidence.toFixed(0)} %`]);
      if (look.crs) facts.push([`${run.crs}${at}`, look.crs.map((v) => (Math.abs(v) > 1000 ? v.toFixed(1) : v.toFixed(6))).join(", ")]);
      if (look.degrees) facts.push([`Degrees${at}`, `${Math.abs(look.degrees[1]).toFixed(6)}° ${look.degrees[1] < 0 ? "S" : "N"}, ${Math.abs(look.degrees[0]).toFixed(6)}° ${look.degrees[0] < 0 ? "W" : "E"}`]);
      if (look.row !== undefined) facts.push(["Row, column", `${look.row}, ${look.column}`]);
      if (look.library.length) facts.push(["Nearest in the library", nearest(look.library)]);
      if (look.spectrum === undefined && !look.outside) facts.push(["Spectrum", said(this.active.imagery) || "no data"]);
    } else if (shown) facts.push(["Unit", `${shown.number} ${shown.name}`], ["Size", area(shown)]);
    find("facts").innerHTML = look || shown ? `<dl>${facts.map(([k, v]) => `<div><dt>${escape(k)}</dt><dd>${escape(v)}</dd></div>`).join("")}</dl>` : HINT;
    const units = [...new Set([look ? unit : undefined, shown])].filter((u) => u !== undefined);
    const lines = look || shown ? linesOf(look, units) : this.active.state.units.filter((u) => !u.hidden).map(meanOf);
    find("chart").innerHTML = chart(run.bands, lines, run.quantity === "unknown" ? "stored values" : run.quantity);
  }

  private async watchImagery(): Promise<void> {
    for (;;) {
      const waiting = [...this.open.values()].filter((o) => o.imagery.state === "preparing");
      if (!waiting.length) return;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      for (const one of waiting) {
        try {
          one.imagery = (await api.state(one.run.id)).imagery;
        } catch {
          continue; // the server is busy, or gone: an edit will say so
        }
        one.view?.setImagery(one.imagery.state, one.imagery.state === "ready" ? "" : said(one.imagery));
      }
      this.showImagery();
    }
  }

  private async export(): Promise<void> {
    const button = find<HTMLButtonElement>("export");
    const { run } = this.active;
    button.disabled = true;
    this.say("Exporting: raster, polygons, styles and report…");
    try {
      const made = await api.export(run.id);
      const link = document.createElement("a");
      link.href = api.exported(run.id);
      link.download = made.name;
      link.click();
      this.say(`${made.name} (${(made.bytes / 1e6).toFixed(1)} MB)`);
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error), true);
    }
    button.disabled = false;
  }

  private say(text: string, bad = false): void {
    const status = find("status");
    status.textContent = text;
    status.className = bad ? "bad" : "";
    clearTimeout(this.quiet);
    if (!bad && !this.drawing) this.quiet = window.setTimeout(() => (status.textContent = ""), 4000);
  }
  private quiet = 0;
}

const HINT = `<p class="soft">Click the map for the spectrum of a pixel, or draw a polygon. With the keyboard: put the map’s crosshair on a place with the arrow keys and press Enter.</p>`;

/** Name the nearest spectrum of the library, or say that several are as near: the report's rule. */
function nearest(library: Match[]): string {
  const near = library.filter((m) => m.angle < library[0]!.angle + 1).length;
  return near > 1 ? `ambiguous: ${near === library.length ? `${near} or more` : near} within 1°` : library[0]!.name;
}

function said(imagery: Imagery): string {
  if (imagery.state === "preparing") return `Imagery is being prepared: ${Math.round(100 * (imagery.progress ?? 0))} %`;
  return imagery.state === "missing" ? `No imagery: ${imagery.why ?? ""}` : "";
}

async function begin(): Promise<void> {
  install();
  addLists();
  const start = await api.start();
  const opened = await Promise.all(
    start.runs.map(async (run): Promise<Open> => {
      const { imagery, ...state } = await api.state(run.id);
      return { run, state, off: new Set(), view: null, imagery };
    }),
  );
  if (!opened.length) throw new Error("The runs that were opened are no longer there: put their folders back, or start the workbench anew");
  // Two runs may have one title: their folders tell them apart.
  const titles = opened.map((o) => o.run.title);
  for (const { run } of opened) if (titles.filter((t) => t === run.title).length > 1) run.title += ` (${run.id})`;
  new Workbench(start, opened);
  document.body.dataset["ready"] = "yes";
}

begin().catch((error: unknown) => {
  const status = find("status");
  status.className = "bad";
  status.textContent = error instanceof Error ? error.message : String(error);
});
