"""A fitted model: what turns the bands of a pixel into the number of its unit."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop import __version__
from outcrop.clustering import CLUSTERERS
from outcrop.confidence import Confidence
from outcrop.config import Recipe, parse_recipe, recipe_to_toml
from outcrop.errors import ModelError, OutcropError, listed
from outcrop.estimator import Estimator
from outcrop.features.columns import Columns
from outcrop.front import Front
from outcrop.preprocess import SCALERS
from outcrop.products.legend import Legend
from outcrop.reduction import REDUCERS
from outcrop.refinement import FILTERS
from outcrop.registry import Registry
from outcrop.sensors.base import Band
from outcrop.smoothing import SMOOTHERS

FORMAT = 1
#: What many bands are brought down with; see `outcrop.config.Features`.
COMPRESSOR = "mnf"
#: What is fitted, in the order in which a pixel goes through it: its table, and its entry there.
PARTS: Mapping[str, tuple[Registry, Callable[[Recipe], str]]] = {
    "scaler": (SCALERS, lambda recipe: recipe.preprocess.scale),
    "compressor": (REDUCERS, lambda _: COMPRESSOR),
    "smoother": (SMOOTHERS, lambda recipe: recipe.smooth.name),
    "reducer": (REDUCERS, lambda recipe: recipe.reducer.name),
    "clusterer": (CLUSTERERS, lambda recipe: recipe.clusterer.name),
}


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
        for part in (*(getattr(self, name) for name in PARTS), self.confidence):
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
                **_restored(recipe, text["estimators"], arrays),
                numbers=tuple(text["numbers"]),
                legend=Legend.from_json(json.dumps(text["legend"])),
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


def _restored(
    recipe: Recipe, stored: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> dict[str, Any]:
    """Return the estimators that were stored, by what they are of the model."""
    return {
        part: table.load(entry(recipe)).from_state(stored[part], _own(part, arrays))
        for part, (table, entry) in PARTS.items()
        if part in stored
    }


def _own(part: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(part + "."): v for k, v in arrays.items() if k.startswith(part + ".")}
