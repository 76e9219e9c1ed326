// One run on the screen: imagery below, units above it under a swipe, and what is being drawn.

import maplibregl, { type RasterTileSource } from "maplibre-gl";
import { api, type Corner, type Run } from "./api";

export interface Looks {
  swipe: number;
  opacity: number;
  veil: number;
  /** Three channels such as 3,2,1, or code. */
  channels: string;
}

const THUMB = 28;
/** Around a map that is shown whole. */
const PADDING = 12;
const BASEMAP_FAILED = "The basemap’s server does not answer, or does not let other pages show its tiles (it must send Access-Control-Allow-Origin)";

export class View {
  readonly map: maplibregl.Map;
  readonly element: HTMLElement;
  private readonly below: maplibregl.Map;
  private readonly overlay: SVGSVGElement;
  private readonly slider: HTMLInputElement;
  private readonly line: HTMLElement;
  private revision = 0;
  private hasImage = false;
  private styled = false;
  /** Where the map was when all of it was shown: there it is fitted again when its room changes. */
  private fitted = "";
  private point: Corner | null = null;
  private ring: Corner[] = [];
  private closed = false;
  private cut = "0";

  constructor(
    readonly run: Run,
    private looks: Looks,
    basemap: string,
    box: HTMLElement,
    heard: { click: (at: Corner) => void; swipe: (value: number) => void; focus: () => void; failed: (what: string) => void },
  ) {
    this.element = document.createElement("div");
    this.element.className = "view";
    this.element.innerHTML = `
      <div class="map below" aria-hidden="true"></div>
      <div class="map above"></div>
      <svg class="drawn" aria-hidden="true"></svg>
      <div class="cross" aria-hidden="true"></div>
      <div class="line" aria-hidden="true"></div>
      <input class="swipe" type="range" min="0" max="100" step="0.5" >
      <p class="caption"></p><p class="note" hidden></p>`;
    box.append(this.element); // maps are fitted to the room that they have
    const part = <T extends Element>(name: string): T => this.element.querySelector<T>(name)!;
    part<HTMLElement>(".caption").textContent = run.title;
    this.overlay = part<SVGSVGElement>(".drawn");
    this.line = part<HTMLElement>(".line");
    this.slider = part<HTMLInputElement>(".swipe");
    this.slider.setAttribute("aria-label", `Swipe between imagery and units of ${run.title}`);
    const common = {
      bounds: run.bounds,
      fitBoundsOptions: { padding: PADDING },
      attributionControl: false as const,
      renderWorldCopies: false,
      maxZoom: Math.min(run.max_zoom + 5, 24),
      maxPitch: 0,
      dragRotate: false,
      pitchWithRotate: false,
      fadeDuration: 0,
    };
    const style = (sources = {}, layers: maplibregl.LayerSpecification[] = []) => ({
      version: 8 as const, sources, layers,
    });
    this.below = new maplibregl.Map({
      ...common, container: part<HTMLElement>(".below"), interactive: false,
      style: basemap && run.on_earth
        ? style(
            { basemap: { type: "raster", tiles: [basemap], tileSize: 256 } },
            [{ id: "basemap", type: "raster", source: "basemap" }],
          )
        : style(),
    });
    this.below.on("error", (event) => {
      if ((event as { sourceId?: string }).sourceId === "basemap") heard.failed(BASEMAP_FAILED);
    });
    this.map = new maplibregl.Map({ ...common, container: part<HTMLElement>(".above"), style: style() });
    this.fitted = this.camera();
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-left");
    if (run.on_earth) this.map.addControl(new maplibregl.ScaleControl({ maxWidth: 120 }), "bottom-left");
    const canvas = this.map.getCanvas();
    canvas.setAttribute("aria-label", `Map of ${run.title}. Arrow keys move it, plus and minus zoom, Enter takes the place under the crosshair.`);
    canvas.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const { lng, lat } = this.map.getCenter();
      heard.focus();
      heard.click([lng, lat]);
    });
    this.map.on("move", () => this.follow());
    this.map.on("resize", () => {
      this.below.resize();
      const { clientWidth, clientHeight } = this.element;
      if (this.fitted === this.camera() && Math.min(clientWidth, clientHeight) > 4 * PADDING) this.fit();
      this.follow();
    });
    this.map.on("click", (event) => {
      heard.focus();
      heard.click([event.lngLat.lng, event.lngLat.lat]);
    });
    this.map.on("load", () => this.addUnits());
    // Not "load", which waits for the basemap, however slow or dead its server is.
    this.below.on("style.load", () => {
      this.styled = true;
      this.addImage();
    });
    this.slider.addEventListener("input", () => heard.swipe(Number(this.slider.value)));
    this.apply(looks);
  }

  /** Bring the lower map, the drawing and the swipe to where the upper map is. */
  private follow(): void {
    this.below.jumpTo({ center: this.map.getCenter(), zoom: this.map.getZoom() });
    this.redraw();
    this.placeSwipe();
  }

  /** Show all of the map in the room that there is, also when that changes. */
  fit(): void {
    this.map.fitBounds(this.run.bounds, { padding: PADDING, animate: false });
    this.fitted = this.camera();
  }

  private camera(): string {
    const { lng, lat } = this.map.getCenter();
    return [lng, lat, this.map.getZoom()].map((v) => v.toFixed(7)).join();
  }

  private labels(kind: "units" | "veil"): string {
    const [layer, query] = kind === "units" ? ["units", `?cut=${this.cut}`] : ["confidence", ""];
    return `outcrop://${this.run.id}#${kind}#${this.revision}#${api.tiles(this.run.id, layer!, query)}`;
  }

  private source(tiles: string): maplibregl.RasterSourceSpecification {
    const { bounds, max_zoom } = this.run;
    return { type: "raster", tiles: [tiles], tileSize: 256, bounds, maxzoom: max_zoom };
  }

  private addUnits(): void {
    const paint = { "raster-resampling": "nearest", "raster-fade-duration": 0 } as const;
    this.map.addSource("units", this.source(this.labels("units")));
    this.map.addLayer({ id: "units", type: "raster", source: "units", paint });
    if (this.run.layers.includes("confidence")) {
      this.map.addSource("veil", this.source(this.labels("veil")));
      this.map.addLayer({ id: "veil", type: "raster", source: "veil", paint });
    }
    this.apply(this.looks);
  }

  private addImage(): void {
    if (!this.hasImage || !this.styled || this.below.getSource("image")) return;
    this.below.addSource("image", this.source(this.imageTiles()));
    this.below.addLayer({
      id: "image", type: "raster", source: "image",
      paint: { "raster-resampling": "nearest", "raster-fade-duration": 0 },
    });
  }

  private imageTiles(): string {
    return this.looks.channels === "code"
      ? api.tiles(this.run.id, "code")
      : api.tiles(this.run.id, "image", `?channels=${this.looks.channels}`);
  }

  /** Say how the imagery is coming on; show it once it is there. */
  setImagery(state: string, note: string): void {
    const said = this.element.querySelector<HTMLElement>(".note")!;
    said.hidden = !note;
    said.textContent = note;
    this.hasImage = state === "ready";
    this.addImage();
    this.placeSwipe();
  }

  /** Draw the units anew from the numbers that are here; ask for tiles only after a split. */
  refresh(cut: string): void {
    this.revision += 1;
    this.cut = cut;
    this.map.getSource<RasterTileSource>("units")?.setTiles([this.labels("units")]);
  }

  apply(looks: Looks): void {
    const channels = this.looks.channels !== looks.channels;
    this.looks = { ...looks };
    if (this.map.getLayer("units")) this.map.setPaintProperty("units", "raster-opacity", looks.opacity);
    if (this.map.getLayer("veil")) this.map.setPaintProperty("veil", "raster-opacity", looks.veil);
    if (channels) this.below.getSource<RasterTileSource>("image")?.setTiles([this.imageTiles()]);
    this.placeSwipe();
  }

  private placeSwipe(): void {
    const shown = this.hasImage;
    const value = shown ? this.looks.swipe : 0;
    const width = this.element.clientWidth;
    const x = value <= 0 ? 0 : value >= 100 ? width : THUMB / 2 + (value / 100) * (width - THUMB);
    this.slider.hidden = this.line.hidden = !shown;
    this.slider.value = String(value);
    this.slider.setAttribute("aria-valuetext", `imagery on the left ${Math.round(value)} percent`);
    this.line.style.left = `${THUMB / 2 + (value / 100) * (width - THUMB)}px`;
    this.map.getCanvas().style.clipPath = x > 0 ? `inset(0 0 0 ${x}px)` : "";
  }

  mark(point: Corner | null, ring: Corner[], closed: boolean): void {
    this.point = point;
    this.ring = ring;
    this.closed = closed;
    this.redraw();
  }

  private redraw(): void {
    const at = (p: Corner): string => {
      const { x, y } = this.map.project(p);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    };
    const corners = this.ring.map(at);
    const shape = this.closed ? "polygon" : "polyline";
    const parts = corners.length
      ? [
          `<${shape} class="halo" points="${corners.join(" ")}"/><${shape} points="${corners.join(" ")}"/>`,
          ...(this.closed ? [] : corners.map((c) => `<circle r="4" cx="${c.split(",")[0]}" cy="${c.split(",")[1]}"/>`)),
        ]
      : [];
    if (this.point) {
      const [x, y] = at(this.point).split(",");
      parts.push(`<circle class="halo" r="7" cx="${x}" cy="${y}"/><circle class="spot" r="7" cx="${x}" cy="${y}"/>`);
    }
    this.overlay.innerHTML = parts.join("");
  }
}

/** Move all views together; those on planes of their own follow only planes of the same size. */
export function link(views: View[]): void {
  let moving = false;
  const alike = (a: Run, b: Run): boolean =>
    a.on_earth && b.on_earth ? true : !a.on_earth && !b.on_earth && String(a.shape) === String(b.shape);
  for (const view of views) {
    view.map.on("move", () => {
      if (moving) return;
      moving = true;
      const camera = { center: view.map.getCenter(), zoom: view.map.getZoom() };
      for (const other of views) {
        if (other !== view && alike(other.run, view.run)) other.map.jumpTo(camera);
      }
      moving = false;
    });
  }
}
