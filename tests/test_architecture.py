"""The order of the stages: an import may point down this list, never up, and never around."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import outcrop

ROOT = Path(outcrop.__file__).parent

# Each line may import from the lines above it (and, within a line, nothing of its neighbours).
LAYERS = [
    {"errors", "interrupts"},
    {
        "parameters",
        "registry",
        "recipes",
        "timespan",
        "envi",
        "gcps",
        "scene_names",
        "information",
        "durable",
    },
    {"reasons", "remote"},
    {"rowwise", "scratch", "simd", "tiles", "grid"},
    {
        "sensors",
        "config",
        "recipe_checks",
        "source",
        "rasters",
        "mosaic",
        "quality",
        "regrid",
        "indices",
        "aoi",
        "stac",
        "suiting",
    },
    {"resample", "warp", "align", "geomedian", "bareness", "composite", "stack"},
    {"cube", "engine", "spectra"},
    {"cover", "dates", "haze"},
    {"sample", "describing", "cluster"},
    {"radiometry"},
    {"opening"},
    {"listing"},
    {"relief"},
    {"estimator"},
    {"preprocess", "features", "nn", "unitstats", "components", "noise"},
    {"front", "smoothing", "reduction", "measuring"},
    {"odd_values"},
    {"clustering"},
    {"refinement", "confidence", "scoring", "evaluation", "simulate"},
    {"matching"},
    {"products"},
    {"model", "sieving"},
    {"labelling", "fitting"},
    {"applying", "provenance", "publish", "result", "resuming"},
    {"lighting"},
    {"pipeline"},
    {"comparison"},
    {"planning"},
    {"api"},
    {"demo"},
    {"web"},
    {"cli_options", "cli_output", "cli_parsing", "cli_search"},
    {"cli_compare", "cli_listing"},
    {"cli"},
    {"__main__"},
]
HEAVY = ["torch", "matplotlib", "xarray", "sklearn", "rasterio", "dask", "numba", "geopandas"]


def stage(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def imports(path: Path, *, top_level: bool) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    nodes = _top_level(tree) if top_level else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "outcrop":
                found |= {f"outcrop.{a.name}" for a in node.names}
    return found


def _top_level(tree: ast.Module):
    for node in tree.body:
        guard = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if not guard:
            yield from ast.walk(node) if not isinstance(node, ast.FunctionDef) else ()


FILES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    level = {name: i for i, names in enumerate(LAYERS) for name in names}
    mine = stage(path)
    assert mine in level, f"{mine} has no place in LAYERS yet"
    for name in imports(path, top_level=True):
        if name.startswith("outcrop."):
            other = name.split(".")[1]
            if other in level and other != mine:
                assert level[other] <= level[mine], f"{mine} imports {other}, which stands above it"


def test_there_is_no_import_cycle() -> None:
    modules = {
        ".".join(("outcrop", *p.relative_to(ROOT).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): p
        for p in ROOT.rglob("*.py")
    }
    graph = {
        m: {i for i in imports(p, top_level=True) if i in modules and i != m and i != "outcrop"}
        for m, p in modules.items()
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for other in sorted(graph[module]):
                visit(other, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_torch_lives_in_one_package() -> None:
    users = {stage(p) for p in FILES if any(
        i == "torch" or i.startswith("torch.") for i in imports(p, top_level=False)
    )}  # fmt: skip
    assert users == {"nn"}


@pytest.mark.parametrize("code", [
    "import outcrop",
    "from outcrop.__main__ import main; main(['--help'])",
    "from outcrop.__main__ import main; main(['--version'])",
    "from outcrop.reduction import REDUCERS; list(REDUCERS)",
])  # fmt: skip
def test_nothing_heavy_is_loaded(code: str) -> None:
    script = f"import sys\n{code}\nprint([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().splitlines()[-1] == "[]"
