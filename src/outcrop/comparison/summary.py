"""From cells to tables: every cell, every class, and who ranks where, with intervals."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.comparison.contenders import Contender
from outcrop.comparison.intervals import Draws, interval, mean_draws

#: Columns of ``cells.csv`` that are scores of one map, by their names in a result.
_OF_MAP = (
    "coverage", "overall_accuracy", "balanced_accuracy", "purity", "kappa", "ami", "nmi", "ari",
    "homogeneity", "completeness",
)  # fmt: skip
_INNER = ("silhouette", "calinski_harabasz", "davies_bouldin")

Facts = Mapping[str, Any]
#: By scene, contender, seed and what the number of units is called.
Replicates = Mapping[tuple[str, str, int, str], Mapping[str, Draws]]


def cell_rows(results: Iterable[Facts]) -> list[dict[str, Any]]:
    """Return a row for each cell and number of units."""
    rows = []
    for cell in results:
        for name, scored in cell.get("numbers", {}).items():
            inner = scored.get("internal", {})
            rows.append(
                {
                    "scene": cell["scene"],
                    "contender": cell["contender"],
                    "seed": cell["seed"],
                    "number": name,
                    "asked": scored["asked"],
                    "units": scored["units"],
                    "classes": len(cell["classes"]),
                    "fitted_pixels": cell["fitted_pixels"],
                    "scored_pixels": cell["scored_pixels"],
                    **{key: scored[key] for key in _OF_MAP},
                    **{f"boundary_{k}": v for k, v in scored["boundary"].items()},
                    **{
                        f"{space}_{key}": inner.get(space, {}).get(key)
                        for space in ("own", "bands")
                        for key in _INNER
                    },
                    "code_size": cell["code_size"],
                    "fit_seconds": scored["fit_seconds"],
                    "map_seconds": scored["map_seconds"],
                    "peak_memory_mib": cell["peak_memory_mib"],
                }
            )
    return rows


def class_rows(results: Iterable[Facts]) -> list[dict[str, Any]]:
    """Return a row for each cell, number of units and class."""
    return [
        {
            "scene": cell["scene"],
            "contender": cell["contender"],
            "seed": cell["seed"],
            "number": name,
            **row,
        }
        for cell in results
        for name, scored in cell.get("numbers", {}).items()
        for row in scored["by_class"]
    ]


@dataclass(frozen=True)
class Stability:
    """Adjusted Rand index between maps of fits to bootstrapped samples with other seeds."""

    mean: float
    least: float


def stability(units: Sequence[NDArray[np.uint8]]) -> Stability | None:
    """Compare every two of some maps on the same pixels, where both have units."""
    from sklearn.metrics import adjusted_rand_score

    found = []
    for one, other in itertools.combinations(units, 2):
        both = (one > 0) & (other > 0)
        found.append(float(adjusted_rand_score(one[both], other[both])))
    return Stability(float(np.mean(found)), min(found)) if found else None


def ranking(
    contenders: Sequence[Contender],
    results: Sequence[Facts],
    replicates: Replicates,
    steady: Mapping[str, Stability | None],
    baseline: str | None,
) -> list[dict[str, Any]]:
    """Rank contenders by AMI: the mean over scenes, seeds and numbers of units.

    Parameters
    ----------
    contenders : sequence of Contender
    results : sequence of mapping
        Of all cells.
    replicates : mapping
        See `outcrop.comparison.intervals.replicate`; scenes without intervals are missing.
    steady : mapping
        Stability of each contender.
    baseline : str or None
        Whom the others are compared with.

    Returns
    -------
    list of dict
        The best first; contenders that failed anywhere come last, with ``failed`` saying why.
    """
    rows = [_row(c, [r for r in results if r["contender"] == c.name]) for c in contenders]
    kept = [row for row in rows if not row["failed"]]
    draws = {row["contender"]: _draws(row["contender"], replicates) for row in kept}
    for row in kept:
        own = draws[row["contender"]]
        row["stability"] = steady.get(row["contender"])
        row["interval"] = interval(own["rank"]["ami"]) if own else None
        classes = own.get("classes", {}) if own else {}
        row["held_out"] = {
            score: interval(classes[score]) for score in ("accuracy", "balanced", "purity")
        } if classes else {}  # fmt: skip
        row["differences"] = _differences(own, draws.get(baseline or ""))
    kept.sort(key=lambda row: -row["ami"])
    best = draws[kept[0]["contender"]] if kept else {}
    for place, row in enumerate(kept, start=1):
        row["rank"] = place
        row["to_best"] = _differences(draws[row["contender"]], best) if place > 1 else {}
    return kept + [row for row in rows if row["failed"]]


def _row(contender: Contender, cells: Sequence[Facts]) -> dict[str, Any]:
    errors = list(dict.fromkeys(f"{c['scene']}: {c['error']}" for c in cells if "error" in c))
    row: dict[str, Any] = {
        "rank": None, "contender": contender.name, "kind": contender.kind, "failed": errors,
        "seeds": len({c["seed"] for c in cells}),
    }  # fmt: skip
    if errors:
        return row

    def mean(key: str, name: str) -> float | None:
        return _mean(c["numbers"][name][key] for c in cells)

    names = list(cells[0]["numbers"])
    row["by_number"] = {
        name: {"units": mean("units", name), **{key: mean(key, name) for key in _OF_MAP}}
        for name in names
    }
    row["ami"] = _mean(row["by_number"][name]["ami"] for name in names)
    row["ami_by_scene"] = {
        scene: _mean(c["numbers"][n]["ami"] for c in cells if c["scene"] == scene for n in names)
        for scene in dict.fromkeys(c["scene"] for c in cells)
    }
    row["seed_sd"] = _seed_sd(cells, names)
    row["boundary"] = {
        key: _mean(c["numbers"]["classes"]["boundary"][key] for c in cells)
        for key in ("found", "true", "f1")
    }
    row["internal"] = {
        space: {
            key: _mean(c["numbers"]["classes"]["internal"][space][key] for c in cells)
            for key in _INNER
        }
        for space in ("own", "bands")
    }
    row["code_size"] = sorted({c["code_size"] for c in cells})
    row["fit_seconds"] = mean("fit_seconds", "classes")
    row["map_seconds"] = mean("map_seconds", "classes")
    peaks = [c["peak_memory_mib"] for c in cells if c["peak_memory_mib"] is not None]
    row["peak_memory_mib"] = max(peaks, default=None)
    return row


def _seed_sd(cells: Sequence[Facts], names: Sequence[str]) -> float | None:
    """Return the deviation between seeds of a scene's mean AMI, averaged over scenes."""
    by_scene: dict[str, list[float]] = {}
    for cell in cells:
        ami = float(np.mean([cell["numbers"][n]["ami"] for n in names]))
        by_scene.setdefault(cell["scene"], []).append(ami)
    several = [np.std(v, ddof=1) for v in by_scene.values() if len(v) > 1]
    return float(np.mean(several)) if several else None


def _mean(values: Iterable[float | None]) -> float | None:
    some = [v for v in values if v is not None and np.isfinite(v)]
    return float(np.mean(some)) if some else None


def _draws(contender: str, replicates: Replicates) -> dict[str, dict[str, Draws]]:
    """Average the draws of a contender over seeds and scenes: ``rank`` over numbers too."""
    mine = {key: parts for key, parts in replicates.items() if key[1] == contender}
    if not mine:
        return {}
    found = {}
    for name in dict.fromkeys(key[3] for key in mine):
        by_scene: dict[str, list[Mapping[str, Draws]]] = {}
        for key, parts in mine.items():
            if key[3] == name:
                by_scene.setdefault(key[0], []).append(parts)
        found[name] = mean_draws([mean_draws(parts) for parts in by_scene.values()])
    found["rank"] = mean_draws(list(found.values()))
    return found


def _differences(
    own: Mapping[str, Mapping[str, Draws]], other: Mapping[str, Mapping[str, Draws]] | None
) -> dict[str, Any]:
    """Return the intervals of differences, draw by draw."""
    if not own or not other or own is other:
        return {}
    return {
        "ami": interval(own["rank"]["ami"] - other["rank"]["ami"]),
        "accuracy": interval(own["classes"]["accuracy"] - other["classes"]["accuracy"]),
    }


def ranking_rows(ranked: Sequence[Facts]) -> list[dict[str, Any]]:
    """Flatten the ranking for ``ranking.csv``."""
    rows = []
    for row in ranked:
        flat: dict[str, Any] = {k: row[k] for k in ("rank", "contender", "kind", "seeds")}
        flat["failed"] = "; ".join(row["failed"])
        if not row["failed"]:
            flat["ami"] = row["ami"]
            flat |= _triple("ami", row["interval"])
            flat["ami_seed_sd"] = row["seed_sd"]
            flat |= {f"ami_{name.replace(' ', '')}": s["ami"] for name, s in
                     row["by_number"].items()}  # fmt: skip
            flat |= {key: row["by_number"]["classes"][key] for key in _OF_MAP if key != "ami"}
            for score in ("accuracy", "balanced", "purity"):
                flat |= _triple(f"held_out_{score}", row["held_out"].get(score), mean=True)
            for name, differences in (("baseline", row["differences"]), ("best", row["to_best"])):
                for score in ("ami", "accuracy"):
                    flat |= _triple(f"{score}_over_{name}", differences.get(score), mean=True)
            flat |= {f"boundary_{k}": v for k, v in row["boundary"].items()}
            steady = row["stability"]
            flat["stability_mean"] = steady.mean if steady else None
            flat["stability_least"] = steady.least if steady else None
            flat |= {k: row[k] for k in ("fit_seconds", "map_seconds", "peak_memory_mib")}
        rows.append(flat)
    return rows


def _triple(name: str, found: Any, mean: bool = False) -> dict[str, Any]:
    values = found or (None, None, None)
    low_high = {f"{name}_low": values[1], f"{name}_high": values[2]}
    return {name: values[0], **low_high} if mean else low_high
