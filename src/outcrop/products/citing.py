"""How a map is cited: Outcrop, and the papers behind the steps that made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop import __version__
from outcrop.config import Recipe

_NAGAR = (
    "Nagar, Farahbakhsh, Awange and Chandra (2024): Remote sensing framework for geological "
    "mapping via stacked autoencoders and clustering. Advances in Space Research (arXiv "
    "2404.02180)."
)
# By step: what the code says that it implements.
_STEPS = {
    "bilateral": "Tomasi and Manduchi (1998): Bilateral filtering for gray and color images. ICCV.",
    "student": "Peel and McLachlan (2000): Robust mixture modelling using the t distribution. "
    "Statistics and Computing 10.",
    "mixture": "Dempster, Laird and Rubin (1977): Maximum likelihood from incomplete data via the "
    "EM algorithm. Journal of the Royal Statistical Society B 39.",
    "kmeans": "Lloyd (1982): Least squares quantization in PCM. IEEE Transactions on Information "
    "Theory 28.",
    "potts": "Besag (1986): On the statistical analysis of dirty pictures. Journal of the Royal "
    "Statistical Society B 48.",
    "pca": "Pearson (1901): On lines and planes of closest fit to systems of points in space. "
    "Philosophical Magazine 2.",
    "mnf": "Green, Berman, Switzer and Craig (1988): A transformation for ordering multispectral "
    "data in terms of image quality with implications for noise removal. IEEE Transactions on "
    "Geoscience and Remote Sensing 26.",
    "autoencoder": _NAGAR,
    "stacked": _NAGAR,
}
_ELBOW = (
    "Satopää, Albrecht, Irwin and Raghavan (2011): Finding a “kneedle” in a haystack: detecting "
    "knee points in system behavior. ICDCS Workshops."
)
_ANGLES = (
    "Kruse et al. (1993): The Spectral Image Processing System (SIPS) – interactive visualization "
    "and analysis of imaging spectrometer data. Remote Sensing of Environment 44."
)
_CONTINUUM = (
    "Clark and Roush (1984): Reflectance spectroscopy: quantitative analysis techniques for remote "
    "sensing applications. Journal of Geophysical Research 89."
)


def citations(recipe: Recipe, bands: int, metrics: Mapping[str, Any]) -> list[str]:
    """Return what to cite for a map, Outcrop first.

    Parameters
    ----------
    recipe : Recipe
        As run.
    bands : int
    metrics : mapping
        As in ``metrics.json``.
    """
    steps = [recipe.smooth.name, recipe.reducer.name, recipe.clusterer.name]
    steps += ["mnf"] if recipe.features.compresses(bands) else []
    steps += [step.name for step in recipe.refine]
    found = [_STEPS[name] for name in steps if name in _STEPS]
    if "kneedle" in str((metrics.get("selection") or {}).get("rule", "")):
        found.append(_ELBOW)
    matches = metrics.get("matches") or {}
    found += [_ANGLES] if matches.get("units") else []
    found += [_CONTINUUM] if matches.get("units") and not matches["features_missing"] else []
    software = (
        f"Outcrop {__version__}: geological maps from satellite images, without labels "
        "(BSD-3-Clause)."
    )
    return [software, *dict.fromkeys([*found, _NAGAR])]
