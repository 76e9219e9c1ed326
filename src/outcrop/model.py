"""A fitted model: what turns the bands of a pixel into the number of its unit."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop import __version__
from outcrop.clustering import CLUSTERERS
from outcrop.confidence import Confidence
from outcrop.config import Recipe, Step, parse_recipe, recipe_to_toml
from outcrop.errors import InputError, ModelError, OutcropError, RecipeError, listed
from outcrop.estimator import Estimator
from outcrop.features.columns import Columns
from outcrop.front import Front
from outcrop.preprocess import SCALERS
from outcrop.products.legend import (
    Legend,
    Unit,
    further_colours,
    match_units,
    order_units,
    unit_colours,
)
from outcrop.recipe_checks import OF_THE_RUN
from outcrop.reduction import REDUCERS
from outcrop.refinement import FILTERS
from outcrop.registry import Registry
from outcrop.sample import Sample
from outcrop.sensors.base import Band
from outcrop.smoothing import SMOOTHERS

FORMAT = 1
#: What many bands are brought down with; see `outcrop.config.Features`.
COMPRESSOR = "mnf"
#: What is fitted, in the order in which a pixel goes through it.
PARTS = ("scaler", "compressor", "smoother", "reducer", "clusterer")


@dataclass(frozen=True)
class Model:
    """Everything that `apply` needs, with nothing fitted anew.

    Parameters
    ----------
    bands : tuple of Band
        In the order of the columns that the scaler was fitted on.
    recipe : Recipe
    scaler, smoother, reducer, clusterer : Estimator
        Fitted.
    numbers : tuple of int
        The unit's number of each cluster, increasing, so that a tie between clusters goes to
        the lowest unit.
    legend : Legend
        Units as the fit sample shows them: numbers, names, colours, mean spectra.
    compressor : Estimator or None
        Fitted, where there were more bands than the recipe leaves as they are.
    confidence : Confidence or None
        What turns evidence into confidence; None in models of before there was such a thing.
    """

    bands: tuple[Band, ...]
    recipe: Recipe
    scaler: Estimator
    smoother: Estimator
    reducer: Estimator
    clusterer: Estimator
    numbers: tuple[int, ...]
    legend: Legend
    compressor: Estimator | None = None
    confidence: Confidence | None = None

    def __repr__(self) -> str:
        """Return what was fitted, and the units of the sample that it was fitted on."""
        return f"{self._headline}\n{self.legend!r}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._headline)}</p>{self.legend._repr_html_()}"

    @property
    def _headline(self) -> str:
        names = [type(p).__name__ for p in (getattr(self, name) for name in PARTS) if p is not None]
        bands = listed([b.name for b in self.bands])
        return f"{' > '.join(names)}, fitted on {bands}; shares and areas of the sample:"

    @property
    def front(self) -> Front:
        """What turns blocks of a scene into features."""
        columns = Columns.of(self.recipe, self.bands)
        return Front(columns, self.scaler, self.smoother, self.compressor)

    @property
    def width(self) -> int:
        """Columns of a code."""
        return int(vars(self.reducer)["n_components_"])

    def codes(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reduce features (n, columns), as `front` gives them, to codes (n, d)."""
        codes: NDArray[np.float32] = self.reducer.transform(features)
        return codes

    def assign(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the unit numbers (n,) of codes (n, d)."""
        numbers = np.asarray(self.numbers, np.uint8)
        assigned: NDArray[np.uint8] = numbers[self.clusterer.predict(codes)]
        return assigned

    def evidence(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the log evidence (n, k) of each unit, in the order of ``numbers``."""
        evidence: NDArray[np.float32] = self.clusterer.evidence(codes)
        return evidence

    @property
    def filters(self) -> tuple[Any, ...]:
        """The refinement steps, ready to call."""
        return tuple(FILTERS.load(s.name)(**s.params) for s in self.recipe.refine)

    def require_bands(self, bands: Sequence[Band], scene: str) -> None:
        """Refuse a scene whose bands or quantity are not those of the fit.

        Raises
        ------
        ModelError
            Naming the first difference.
        """
        mine, theirs = [b.name for b in self.bands], [b.name for b in bands]
        if mine != theirs:
            raise ModelError(
                f"the model was fitted on the bands {listed(mine)} but {scene} has "
                f"{listed(theirs)}; give the same with --sensor and --bands"
            )
        for band, other in zip(self.bands, bands, strict=True):
            if band.quantity != other.quantity:
                raise ModelError(
                    f"band {band.name} of the model is in {band.quantity}, that of {scene} in "
                    f"{other.quantity}; give the scale with --scale and --offset as for the fit"
                )
            if (band.wavelength_um or other.wavelength_um) != (
                other.wavelength_um or band.wavelength_um
            ):
                raise ModelError(
                    f"band {band.name} of the model lies at {band.wavelength_um} um, that of "
                    f"{scene} at {other.wavelength_um} um: another sensor"
                )

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.safetensors`` into a folder."""
        from safetensors.numpy import save_file

        arrays: dict[str, NDArray[Any]] = {}
        parts: dict[str, Any] = {}
        for part in PARTS:
            if getattr(self, part) is None:
                continue
            facts, own = getattr(self, part).to_state()
            parts[part] = facts
            arrays |= {f"{part}.{k}": np.ascontiguousarray(v) for k, v in own.items()}
        sure = None
        if self.confidence is not None:
            sure, own = self.confidence.to_state()
            arrays |= {f"confidence.{k}": v for k, v in own.items()}
        text = {
            "format": FORMAT,
            "outcrop": __version__,
            "sensor": self.recipe.input.sensor,
            "bands": [dataclasses.asdict(b) for b in self.bands],
            "recipe": recipe_to_toml(self.recipe),
            "estimators": parts,
            "numbers": list(self.numbers),
            "confidence": sure,
            "legend": json.loads(self.legend.to_json()),
        }
        folder.mkdir(parents=True, exist_ok=True)
        save_file(arrays, folder / "model.safetensors")
        (folder / "model.json").write_text(json.dumps(text, indent=1) + "\n", "utf-8")

    def digest(self) -> str:
        """Return a hash of all that decides over the labels and their confidence."""
        facts: list[Any] = [self.numbers, [b.name for b in self.bands], recipe_to_toml(self.recipe)]
        found = hashlib.sha256()
        for part in (self.scaler, self.smoother, self.reducer, self.clusterer, self.confidence):
            own, arrays = part.to_state() if part is not None else ({}, {})
            facts.append(own)
            for name in sorted(arrays):
                found.update(np.ascontiguousarray(arrays[name]).tobytes())
        found.update(json.dumps(facts, sort_keys=True).encode())
        return found.hexdigest()

    @classmethod
    def load(cls, folder: Path | str) -> Model:
        """Read a model, from its folder or from the folder of a run.

        Raises
        ------
        ModelError
            If it is missing, damaged, or of a newer format.
        """
        import tomllib

        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        where = _model_folder(Path(folder))
        try:
            text = json.loads((where / "model.json").read_text("utf-8"))
            newer = text["format"] > FORMAT
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{where / 'model.json'} cannot be read ({error})") from None
        if newer:
            raise ModelError(
                f"{where} has format {text['format']}, written by Outcrop {text.get('outcrop')}; "
                f"this is Outcrop {__version__}, which reads up to {FORMAT}: update it"
            )
        try:
            arrays = load_file(where / "model.safetensors")
            recipe = parse_recipe(tomllib.loads(text["recipe"]), str(where))
            return cls(
                bands=tuple(Band(**b) for b in text["bands"]),
                recipe=recipe,
                scaler=_restore("scaler", SCALERS, recipe.preprocess.scale, text, arrays),
                smoother=_restore("smoother", SMOOTHERS, recipe.smooth.name, text, arrays),
                reducer=_restore("reducer", REDUCERS, recipe.reducer.name, text, arrays),
                clusterer=_restore("clusterer", CLUSTERERS, recipe.clusterer.name, text, arrays),
                numbers=tuple(text["numbers"]),
                legend=Legend.from_json(json.dumps(text["legend"])),
                compressor=_restore("compressor", REDUCERS, COMPRESSOR, text, arrays)
                if "compressor" in text["estimators"]
                else None,
                confidence=Confidence.from_state(text["confidence"], _own("confidence", arrays))
                if text.get("confidence")
                else None,
            )
        except OutcropError:
            raise
        except (
            OSError,
            SafetensorError,
            LookupError,
            ValueError,
            TypeError,
            AttributeError,
        ) as error:
            raise ModelError(f"the model in {where} is damaged ({error!r}); fit it again") from None


def _model_folder(folder: Path) -> Path:
    for candidate in (folder, folder / "model"):
        if (candidate / "model.json").is_file():
            return candidate
    raise ModelError(
        f"{folder} holds no model (no model.json); give the folder that `outcrop fit` wrote, "
        "or that of a run"
    )


def _restore(
    part: str, table: Registry, name: str, text: dict[str, Any], arrays: dict[str, Any]
) -> Estimator:
    state = text["estimators"][part], _own(part, arrays)
    estimator: Estimator = table.load(name).from_state(*state)
    return estimator


def _own(part: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(part + "."): v for k, v in arrays.items() if k.startswith(part + ".")}


def fit_front(sample: Sample, bands: tuple[Band, ...], recipe: Recipe) -> Front:
    """Fit scaling and smoothing to a sample of the bands.

    Raises
    ------
    InputError
        If the transform needs reflectance and the bands are not.
    """
    transform = recipe.features.transform
    if transform != "none":
        _require_reflectance(bands, transform)
    columns = Columns.of(recipe, bands)
    scaler = _build(
        SCALERS, Step(recipe.preprocess.scale), recipe.run.seed, linear=columns.linear
    ).fit(columns(sample.rows))
    front = Front(columns, scaler, None)
    scaled, neighbours = scaled_pairs(front, sample)
    if recipe.features.compresses(len(bands)):
        compressor = REDUCERS.load(COMPRESSOR)(recipe.features.compress_to)
        compressor.fit(scaled, neighbours=neighbours)
        front = dataclasses.replace(front, compressor=compressor)
        scaled, neighbours = scaled_pairs(front, sample)
    smoother = _build(SMOOTHERS, recipe.smooth, recipe.run.seed)
    return dataclasses.replace(front, smoother=smoother.fit(scaled, neighbours=neighbours))


def scaled_pairs(front: Front, sample: Sample) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a sample's rows and neighbours as scaled features, not smoothed."""
    rows = front.scaled(sample.rows)
    neighbours = np.full_like(rows, np.nan)
    known = np.isfinite(sample.neighbours).all(axis=1)
    if known.any():
        neighbours[known] = front.scaled(sample.neighbours[known])
    return rows, neighbours


def fit_model(
    sample: Sample,
    features: Sample,
    front: Front,
    bands: tuple[Band, ...],
    recipe: Recipe,
    *,
    like: Legend | None = None,
    reducer: Estimator | None = None,
) -> Model:
    """Fit a recipe to a sample.

    Parameters
    ----------
    sample : Sample
        Of the bands.
    features : Sample
        The same pixels' features, as ``front`` gives them.
    front : Front
        See `fit_front`.
    bands : tuple of Band
    recipe : Recipe
    like : Legend, optional
        Units of another run, whose numbers, names and colours the nearest units take over.
    reducer : Estimator, optional
        Fitted by this recipe to these rows before, where only the units are sought anew.

    Raises
    ------
    InputError
        If a step needs what the bands do not have, or there are fewer rows than units.
    """
    seed = recipe.run.seed
    if reducer is None:
        reducer = _build(REDUCERS, recipe.reducer, seed, device=recipe.run.device)
        beside = {"neighbours": features.neighbours} if needs_neighbours(recipe) else {}
        reducer = _fitted(reducer, recipe.reducer, features.rows, **beside)
    clusterer = _build(CLUSTERERS, recipe.clusterer, seed)
    codes = reducer.transform(features.rows)
    clusterer = _fitted(clusterer, recipe.clusterer, codes, places=sample.positions)
    means = _means(sample.rows, clusterer.labels_)
    order, legend = _number(means, bands, np.bincount(clusterer.labels_), like)
    clusterer.reorder(order)
    numbers = tuple(u.number for u in legend.units)
    resolved = dataclasses.replace(
        recipe,
        smooth=_resolved(recipe.smooth, front.smoother),
        reducer=_resolved(recipe.reducer, reducer),
        clusterer=_resolved(recipe.clusterer, clusterer),
    )
    fitted = (front.scaler, front.smoother, reducer, clusterer)
    confidence = Confidence.of(clusterer, codes, resolved)
    return Model(bands, resolved, *fitted, numbers, legend, front.compressor, confidence)


def _resolved(step: Step, estimator: Estimator) -> Step:
    """Return a step with every parameter written out: a later version's defaults may differ."""
    params = estimator.get_params(deep=False)
    return Step(step.name, {k: v for k, v in params.items() if k not in OF_THE_RUN})


def _build(table: Registry, step: Step, seed: int, **extra: Any) -> Estimator:
    """Make an estimator, giving it the seed and whatever else of the run it takes."""
    kind = table.load(step.name)
    known = kind().get_params(deep=False)
    run = {k: v for k, v in {"random_state": seed, **extra}.items() if k in known}
    try:
        estimator: Estimator = kind(**{**run, **step.params})
    except TypeError as error:
        raise InputError(f"{table.kind} {step.name}: {error}") from None
    return estimator


def needs_neighbours(recipe: Recipe) -> bool:
    """Tell whether a recipe's reducer is fitted on neighbours besides rows."""
    return bool(getattr(REDUCERS.load(recipe.reducer.name), "needs_neighbours", False))


def _fitted(
    estimator: Estimator, step: Step, rows: NDArray[np.float32], **beside: Any
) -> Estimator:
    """Fit, and turn what the libraries say of a bad parameter into one of our errors."""
    try:
        fitted: Estimator = estimator.fit(rows, **beside)
    except OutcropError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        given = ", ".join(f"{k} = {v!r}" for k, v in step.params.items()) or "its defaults"
        raise RecipeError(
            f"{step.name} cannot be fitted with {given} to {len(rows)} rows of "
            f"{rows.shape[1]} columns: {error}"
        ) from error
    return fitted


def _require_reflectance(bands: Sequence[Band], step: str) -> None:
    known = [b for b in bands if b.quantity not in ("reflectance", "unknown")]
    if known:
        names = ", ".join(f"{b.name} ({b.quantity})" for b in known)
        raise InputError(
            f"features.transform = {step!r} needs reflectance, which {names} cannot be; leave "
            f"{'it' if len(known) == 1 else 'them'} out with --bands"
        )
    unknown = [b.name for b in bands if b.quantity == "unknown"]
    if unknown:
        raise InputError(
            f"features.transform = {step!r} needs reflectance, but the quantity of "
            f"{listed(unknown)} is unknown; give --scale and --offset (1 and 0 if the "
            "values are reflectance already)"
        )


def _means(rows: NDArray[np.float32], labels: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    return np.stack([rows[labels == k].mean(axis=0, dtype=float) for k in range(labels.max() + 1)])


def _number(
    means: NDArray[np.float64],
    bands: tuple[Band, ...],
    counts: NDArray[np.integer[Any]],
    like: Legend | None,
) -> tuple[NDArray[np.intp], Legend]:
    """Give clusters their numbers; return their order by number, and their legend."""
    order = np.asarray(order_units(means))
    colours = unit_colours(means[order])
    units = [
        _unit(i + 1, f"Unit {i + 1}", colours[i], means[k], counts[k], counts.sum())
        for i, k in enumerate(order)
    ]
    if like is not None:
        matched = match_units(means[order], [b.name for b in bands], like)
        known = {u.number: u for u in like.units}
        fresh = iter(further_colours([u.colour for u in like.units], len(units)))
        renumbered = []
        for unit, number in zip(units, matched, strict=True):
            old = known.get(number)
            taken = (
                {"name": old.name, "colour": old.colour, "geology": old.geology}
                if old
                else {"name": f"Unit {number}", "colour": next(fresh)}
            )
            renumbered.append(dataclasses.replace(unit, number=number, **taken))
        place = np.argsort([u.number for u in renumbered])
        order, units = order[place], [renumbered[i] for i in place]
    return order, Legend.of(units, bands)


def _unit(
    number: int, name: str, colour: str, mean: NDArray[np.float64], count: int, total: int
) -> Unit:
    return Unit(
        number=number,
        name=name,
        colour=colour,
        pixels=int(count),
        area=None,
        share=float(count / total),
        mean=tuple(float(v) for v in mean),
        sd=(),
    )
