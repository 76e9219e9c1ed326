// The legend: a row for each unit, and under the chosen one all that can be done to it.

import type { State, Unit } from "./api";
import { inked } from "./colouring";
import { escape } from "./spectrum";
import { termOf } from "./terms";

export interface Acts {
  choose: (unit: number) => void;
  toggle: (unit: number) => void;
  edit: (edit: Record<string, unknown>) => void;
  split: (unit: number) => void;
}

export function area(unit: Pick<Unit, "area" | "pixels">): string {
  if (unit.area === null) return `${unit.pixels.toLocaleString("en")} px`;
  const [value, name] = unit.area >= 1e6 ? [unit.area / 1e6, "km²"] : [unit.area / 1e4, "ha"];
  return `${value.toLocaleString("en", { maximumFractionDigits: value < 100 ? 2 : 0 })} ${name}`;
}

/** A unit's hatch as a picture for its swatch, or nothing. */
function hatch(pattern: number): string {
  if (!pattern) return "";
  const squares: string[] = [];
  for (let y = 0; y < 8; y++) for (let x = 0; x < 8; x++) if (inked(pattern, x, y)) squares.push(`M${x} ${y}h1v1h-1z`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><path fill="#000" fill-opacity=".5" d="${squares.join("")}"/></svg>`;
  return `background-image:url(data:image/svg+xml,${encodeURIComponent(svg)})`;
}

export class Legend {
  /** Fields that are being typed in are left alone while the list is drawn anew. */
  constructor(private readonly list: HTMLOListElement, private readonly acts: Acts) {}

  draw(state: State, chosen: number | null, off: Set<number>, patterns: Map<number, number> | null): void {
    const active = document.activeElement;
    const focused = this.list.contains(active) ? active?.getAttribute("data-key") : null;
    const typed = focused && active?.matches("textarea, input:not([type=checkbox]):not([type=color])");
    const kept = typed ? active!.closest("li") : null;
    for (const row of [...this.list.children]) if (row !== kept) row.remove();
    let before: Element | null = kept?.querySelector(`#form-${chosen}`) ? kept : null;
    if (!before) kept?.remove();
    for (const unit of state.units) {
      const n = unit.number;
      const row = this.row(unit, state, chosen === n, off.has(n), patterns?.get(n) ?? 0);
      if (before && n === chosen) {
        before.querySelector(".row")!.replaceWith(row.querySelector(".row")!);
        before = null;
      } else this.list.insertBefore(row, before);
    }
    if (focused && document.activeElement !== active) this.list.querySelector<HTMLElement>(`[data-key="${focused}"]`)?.focus();
  }

  private row(unit: Unit, state: State, open: boolean, off: boolean, pattern: number): HTMLLIElement {
    const row = document.createElement("li");
    row.className = `unit${open ? " open" : ""}${unit.hidden ? " gone" : ""}`;
    const n = unit.number;
    const said = [unit.lithology.label, unit.age.label].filter(Boolean).join(", ");
    row.innerHTML = `
      <div class="row">
        <input type="checkbox" data-key="t${n}" aria-label="Show ${escape(unit.name)}" ${off || unit.hidden ? "" : "checked"} ${unit.hidden ? "disabled" : ""}>
        <span class="swatch" style="background-color:${unit.colour};${hatch(pattern)}"><b>${n}</b></span>
        <button class="name" data-key="n${n}" aria-expanded="${open}" aria-controls="form-${n}">
          <span>${escape(unit.name)}</span><small>${unit.hidden ? "hidden" : escape(said)}</small>
        </button>
        <span class="size">${area(unit)}<small>${unit.hidden ? "" : `${(100 * unit.share).toFixed(1)} %`}</small></span>
      </div>`;
    row.querySelector<HTMLInputElement>("input")!.addEventListener("change", () => this.acts.toggle(n));
    row.querySelector<HTMLButtonElement>(".name")!.addEventListener("click", () => this.acts.choose(n));
    if (open) row.append(this.form(unit, state));
    return row;
  }

  private form(unit: Unit, state: State): HTMLFormElement {
    const form = document.createElement("form");
    const n = unit.number;
    form.id = `form-${n}`;
    const field = (key: string, label: string, value: string, more = ""): string =>
      `<label>${label}<input data-key="${key}${n}" name="${key}" value="${escape(value)}" ${more}></label>`;
    const others = state.units.filter((u) => u.number !== n);
    form.innerHTML = `<fieldset class="fields" ${state.read_only ? "disabled" : ""}>
      <div class="two">${field("name", "Name", unit.name, "required maxlength=200 autocomplete=off")}
        <label>Colour<input type="color" data-key="colour${n}" name="colour" value="${unit.colour}"></label></div>
      <div class="two">${field("lithology", "Lithology", unit.lithology.label, "maxlength=200 list=terms-lithology autocomplete=off")}${field("age", "Age", unit.age.label, "maxlength=200 list=terms-age autocomplete=off")}</div>
      <div class="two">${field("order", "Order (1 youngest)", unit.order === null ? "" : String(unit.order), "type=number min=1 max=9999 step=1")}
        ${field("confidence", "How sure you are", unit.confidence, 'maxlength=200')}</div>
      <label>Notes<textarea data-key="notes${n}" name="notes" rows="2" maxlength="20000">${escape(unit.notes)}</textarea></label>
      <div class="acts">
        <label class="inline">Merge into <select name="into" data-key="into${n}" ${others.length ? "" : "disabled"}><option value="">choose…</option>${others.map((u) => `<option value="${u.number}">${u.number} ${escape(u.name)}</option>`).join("")}</select></label>
        <button type="button" name="merge" data-key="merge${n}" ${others.length ? "" : "disabled"}>Merge</button>
        <button type="button" name="split" data-key="split${n}">Split off by polygon</button>
        <button type="button" name="hide" data-key="hide${n}">${unit.hidden ? "Put back" : "Leave out of the map"}</button>
      </div></fieldset>`;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", (event) => this.changed(unit, event.target as HTMLInputElement));
    const button = (name: string): HTMLButtonElement => form.querySelector<HTMLButtonElement>(`button[name=${name}]`)!;
    const into = form.querySelector<HTMLSelectElement>("select[name=into]")!;
    button("merge").addEventListener("click", () => {
      if (into.value) this.acts.edit({ op: "merge", units: [n], into: Number(into.value) });
      else into.focus();
    });
    button("split").addEventListener("click", () => this.acts.split(n));
    button("hide").addEventListener("click", () => this.acts.edit({ op: "hide", unit: n, hidden: !unit.hidden }));
    return form;
  }

  private changed(unit: Unit, field: HTMLInputElement): void {
    const { name, value } = field;
    const n = unit.number;
    if (!field.checkValidity()) {
      field.reportValidity();
      return;
    }
    if (name === "name") this.acts.edit({ op: "rename", unit: n, name: value });
    else if (name === "colour") this.acts.edit({ op: "recolour", unit: n, colour: value });
    else if (name === "into") return; // the button merges
    else if (name === "order") this.acts.edit({ op: "describe", unit: n, order: value ? Number(value) : null });
    else if (name === "lithology" || name === "age") {
      // Another word is another term: the address of the old one would be wrong.
      const old = unit[name];
      this.acts.edit({ op: "describe", unit: n, [name]: value === old.label ? old : termOf(name, value) });
    } else this.acts.edit({ op: "describe", unit: n, [name]: value });
  }
}
