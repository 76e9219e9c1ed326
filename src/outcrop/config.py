"""Recipes: what is done to a scene, as TOML outside and frozen dataclasses inside."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from outcrop import reasons
from outcrop.errors import RecipeError, unknown_name
from outcrop.recipe_checks import check_recipe

SCHEMA = 1
DEFAULT_RECIPE = "default"
#: What pydantic says in Python's words, in TOML's.
_KINDS = {
    "tuple_type": 'a list, such as ["a", "b"]',
    "string_type": "a text in quotes",
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    "literal_error": "{expected}",
}


@dataclass(frozen=True)
class Input:
    """What the scene's files do not say of themselves; None: what they say, or the usual.

    Parameters
    ----------
    sensor : str, optional
        Name of the instrument (`outcrop.sensors.SENSORS`).
    bands : tuple of str, optional
        The sensor's own names, common names or wavelengths in micrometres.
    scale, offset : float, optional
        Reflectance = stored number × scale + offset.
    nodata : float, optional
        Stored number that means no data.
    aoi : str, optional
        Vector file; what lies outside its polygons is not mapped.
    resolution : float, optional
        Pixel size to map at, in units of the CRS, instead of the first scene's.
    crs : str, optional
        CRS to map in, instead of the first scene's.
    resampling : str, optional
        How pixels are interpolated on another grid: ``bilinear`` (the usual), ``nearest``,
        ``cubic``.
    composite : str, optional
        What is made of several scenes where they overlap: ``first`` (the usual), ``median``,
        ``geomedian``, ``barest``.
    radiometry : str, optional
        Whether they are matched there: ``match`` (the usual) or ``none``.
    stack : bool, optional
        Whether scenes of different bands are laid on each other.
    dem : str, optional
        Elevation model under the scene.
    sun_azimuth, sun_elevation : float, optional
        Where the sun stood, in degrees from true north and above the horizon.
    """

    sensor: str | None = None
    bands: tuple[str, ...] | None = None
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    aoi: str | None = None
    resolution: float | None = None
    crs: str | None = None
    resampling: str | None = None
    composite: str | None = None
    radiometry: str | None = None
    stack: bool | None = None
    dem: str | None = None
    sun_azimuth: float | None = None
    sun_elevation: float | None = None


@dataclass(frozen=True)
class Preprocess:
    """Which pixels are left out, and how each band is scaled.

    Parameters
    ----------
    scale : str
        ``minmax`` (0-1), ``standard`` (mean 0, sd 1), ``log`` (its logarithm to mean 0, sd 1; any
        scale of the values will do) or ``none``.
    mask : tuple of str
        Reasons to leave a pixel out (`outcrop.reasons.SWITCHES`) beyond fill, where a product's
        quality layers tell.
    ndvi : float
        Where vegetation begins.
    haze : str
        ``none``, ``dark-object`` (what the darkest pixels of the scene show is subtracted) or
        ``auto``: the latter for reflectance at the top of the atmosphere alone.
    clip : bool
        Whether reflectance is taken to be within 0-1 where features are made of it.
    illumination : str
        How the light on slopes is taken out where there is an elevation model: ``c``,
        ``minnaert``, ``scs+c``, or ``auto``: ``c``, unless the product is corrected for relief
        already.
    """

    scale: str = "standard"
    mask: tuple[str, ...] = reasons.DEFAULT
    ndvi: float = reasons.NDVI
    haze: Literal["auto", "none", "dark-object"] = "auto"
    clip: bool = True
    illumination: str = "auto"


@dataclass(frozen=True)
class Features:
    """What is computed from the bands before they are smoothed.

    Parameters
    ----------
    transform : str
        ``none``, or the ``log`` of the bands.
    use : tuple of str
        What the features are: ``bands``, names of indices (`outcrop.indices.INDICES`), or both.
    compress_above, compress_to : int
        More scaled features than the first are brought down to as many minimum noise fractions
        as the second; 0: never.
    """

    transform: str = "none"
    use: tuple[str, ...] = ("bands",)
    compress_above: int = 0
    compress_to: int = 12

    def width(self, bands: int) -> int:
        """Return how many features a number of bands gives before they are compressed."""
        indices = [name for name in self.use if name != "bands"]
        return len(indices) + (bands if "bands" in self.use else 0)

    def compresses(self, bands: int) -> bool:
        """Tell whether so many bands are more than are left as they are."""
        return 0 < self.compress_above < self.width(bands)


@dataclass(frozen=True)
class Step:
    """A step of a recipe.

    Parameters
    ----------
    name : str
        Entry of a table: of smoothers, reducers, clusterers or filters.
    params : dict
        Its parameters, where they differ from the defaults.
    """

    name: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Products:
    """What is published of the labels, and what is written beside the default products.

    Parameters
    ----------
    save_code : bool
        Whether the reducer's code is written, as ``code.tif``.
    title : str, optional
        Of figure and report, instead of the scene's name.
    min_area : float
        The minimum mapping unit: areas of one unit that are smaller join a neighbour. In square
        metres, or in pixels for a scene without a CRS; 0 keeps everything.
    datetime : str, optional
        When the scene was taken, for ``item.json``; see `outcrop.timespan.parse_timespan`.
    indices : tuple of str
        The layers of ``indices.tif``, or ``all`` that the bands allow.
    library : str, optional
        Spectral library whose spectra the units' are compared with.
    simplify : float
        How far, in metres (pixels without a CRS), outlines of the polygons may be smoothed; 0
        keeps the pixels'.
    """

    save_code: bool = False
    title: str | None = None
    min_area: float = 0.0
    datetime: str | None = None
    indices: tuple[str, ...] = ()
    library: str | None = None
    simplify: float = 0.0


@dataclass(frozen=True)
class Run:
    """How the run is carried out.

    Parameters
    ----------
    seed : int
        Of everything random.
    sample : int or "all"
        How many pixels models are fitted on.
    fit_threads : int
        Threads of a fit; fixed, because its last bits depend on them.
    threads : int
        Threads that map; 0: one a core. They and ``block`` change the speed, never the map.
    block : int
        Side of a block in pixels, a multiple of 512.
    device : str
        Where networks are trained: ``cpu``, ``cuda``, ``mps`` or ``auto``.
    like : str, optional
        ``legend.json`` whose unit numbers, names and colours are taken over.
    """

    seed: int = 0
    sample: int | Literal["all"] = 200_000
    fit_threads: int = 1
    threads: int = 0
    block: int = 1024
    device: Literal["cpu", "cuda", "mps", "auto"] = "cpu"
    like: str | None = None


@dataclass(frozen=True)
class Recipe:
    """A whole recipe; see `load_recipe` for the named ones.

    Parameters
    ----------
    reducer, clusterer : Step
    schema : int
        Version of the layout.
    input : Input
    preprocess : Preprocess
    features : Features
    smooth : Step
    refine : tuple of Step
        Filters of the labels, in their order.
    products : Products
    run : Run
    """

    reducer: Step
    clusterer: Step
    schema: int = SCHEMA
    input: Input = Input()
    preprocess: Preprocess = Preprocess()
    features: Features = Features()
    smooth: Step = Step("none")
    refine: tuple[Step, ...] = ()
    products: Products = Products()
    run: Run = Run()

    def _repr_html_(self) -> str:
        return f"<pre>{escape(recipe_to_toml(self))}</pre>"


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that come with Outcrop, the default first."""
    folder = resources.files("outcrop.recipes")
    names = sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".toml"))
    return (DEFAULT_RECIPE, *(n for n in names if n != DEFAULT_RECIPE))


def load_recipe(name_or_path: str | Path = DEFAULT_RECIPE) -> Recipe:
    """Read a recipe by name, or from a TOML file such as the ``run.toml`` of a run.

    Parameters
    ----------
    name_or_path : str or Path
        One of `recipe_names`, or a file.

    Returns
    -------
    Recipe

    Raises
    ------
    RecipeError
        If there is no such recipe or file, or it is not valid; the message names the key.
    """
    text, origin = _recipe_text(name_or_path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{origin} is not valid TOML: {error}") from None
    return parse_recipe(data, origin)


def _recipe_text(name_or_path: str | Path) -> tuple[str, str]:
    name = str(name_or_path)
    if name in recipe_names():
        return (resources.files("outcrop.recipes") / f"{name}.toml").read_text("utf-8"), name
    path = Path(name_or_path)
    if path.is_file():
        try:
            return path.read_text("utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"recipe {name}: cannot be read as text ({error})") from None
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise RecipeError(f"recipe file {name} does not exist; check the path")
    raise RecipeError(unknown_name("recipe", name, recipe_names()) + "; or give a .toml file")


def parse_recipe(data: Mapping[str, Any], origin: str = "recipe") -> Recipe:
    """Check a recipe as read from TOML; its ``[provenance]`` is ignored.

    Raises
    ------
    RecipeError
        If a key is unknown (the nearest known one is named) or a value of the wrong kind.
    """
    from pydantic import TypeAdapter, ValidationError

    tables = {k: v for k, v in data.items() if k != "provenance"}
    schema = tables.get("schema")
    if schema != SCHEMA:
        raise RecipeError(
            f"{origin}: schema = {schema!r}, but this version of Outcrop reads schema = {SCHEMA}; "
            "add that line, or update Outcrop if the recipe is newer"
        )
    for key in ("reducer", "clusterer"):
        tables[key] = _split_step(tables.get(key), f"{origin}: [{key}]")
    if "smooth" in tables:
        tables["smooth"] = _split_step(tables["smooth"], f"{origin}: [smooth]")
    refine = tables.get("refine", [])
    if not isinstance(refine, list):
        raise RecipeError(f"{origin}: [[refine]] takes double brackets, once for each step")
    tables["refine"] = [_split_step(s, f"{origin}: [[refine]]") for s in refine]
    _refuse_unknown_keys(tables, origin)
    try:
        recipe = TypeAdapter(Recipe).validate_python(tables)
    except ValidationError as error:
        raise RecipeError(f"{origin}: {_worded(error.errors())}") from None
    check_recipe(recipe, origin)
    return recipe


def _worded(errors: list[Any]) -> str:
    """Say of the first setting that doesn't hold what it is, and all that it may be."""
    where = errors[0]["loc"][:2]
    rules = [
        _KINDS[e["type"]].format(**e.get("ctx", {})) if e["type"] in _KINDS else e["msg"]
        for e in errors
        if e["loc"][:2] == where
    ]
    value = f"{'.'.join(map(str, where))} = {errors[0]['input']!r}"
    return f"{value} is not valid: it must be {' or '.join(rules)}"


def _split_step(table: Any, where: str) -> dict[str, Any]:
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        raise RecipeError(f'{where} needs a name, such as name = "pca"; got {table!r}')
    return {"name": table["name"], "params": {k: v for k, v in table.items() if k != "name"}}


def _refuse_unknown_keys(tables: Mapping[str, Any], origin: str) -> None:
    plain: dict[str, Any] = {f.name: f.default for f in fields(Recipe)}
    for key, value in tables.items():
        if key not in plain:
            raise RecipeError(f"{origin}: " + unknown_name("table", key, plain))
        if dataclasses.is_dataclass(plain[key]) and not isinstance(plain[key], Step):
            if not isinstance(value, dict):
                raise RecipeError(f"{origin}: [{key}] must be a table; got {value!r}")
            known = [f.name for f in fields(plain[key])]
            for name in value:
                if name not in known:
                    raise RecipeError(f"{origin}: [{key}] " + unknown_name("key", name, known))


def with_step(step: Step, name: str | None = None, **params: Any) -> Step:
    """Change a step's name, its parameters, or both.

    Another name starts from that entry's own defaults; the same name keeps what was set.
    """
    kept = step.params if name in (None, step.name) else {}
    new = {k: v for k, v in params.items() if v is not None}
    return replace(step, name=name or step.name, params={**kept, **new})


def recipe_to_toml(recipe: Recipe, provenance: Mapping[str, Any] | None = None) -> str:
    """Write a recipe, with what was resolved, as TOML that `load_recipe` reads back."""
    import tomli_w

    tables = _without_none(dataclasses.asdict(recipe))
    for key in ("smooth", "reducer", "clusterer"):
        step = tables.pop(key)
        tables[key] = {"name": step["name"], **step["params"]}
    tables["refine"] = [{"name": s["name"], **s["params"]} for s in tables["refine"]]
    order = ["schema", "input", "preprocess", "features", "smooth", "reducer", "clusterer"]
    out = {k: tables[k] for k in (*order, "refine", "products", "run")}
    if provenance:
        out["provenance"] = _without_none(dict(provenance))
    return tomli_w.dumps(out)


def _without_none(value: Any) -> Any:
    """TOML has no null: a missing key says it."""
    if isinstance(value, Mapping):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_none(v) for v in value]
    return value
