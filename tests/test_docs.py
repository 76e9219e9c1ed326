"""The reference names all there is, and every page can be found."""

import re
from pathlib import Path

import pytest

import outcrop
from outcrop.clustering import CLUSTERERS
from outcrop.preprocess import SCALERS
from outcrop.reduction import REDUCERS
from outcrop.refinement import FILTERS
from outcrop.smoothing import SMOOTHERS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="needs the docs of the source")
PAGES = [p for p in DOCS.rglob("*.md") if "_build" not in p.parts]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_the_reference_names_what_outcrop_offers() -> None:
    text = (DOCS / "reference" / "python.md").read_text("utf-8")
    names = {f"outcrop.{n}" for n in outcrop.__all__ if n != "__version__"}
    for table in (SCALERS, SMOOTHERS, REDUCERS, CLUSTERERS, FILTERS):
        names |= {target.replace(":", ".") for target in table.entries.values()}
    assert names - set(re.findall(r"^   (outcrop\.[\w.]+)$", text, re.MULTILINE)) == set()


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"],
                         ids=lambda p: str(p.relative_to(ROOT)))  # fmt: skip
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        if not re.match(r"[a-z]+:|#", link):
            assert (page.parent / link.partition("#")[0]).exists(), link


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = set()
    for page in PAGES:
        for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for line in block.splitlines():
                name = re.sub(r".*<(.*)>", r"\1", line.strip())
                if name and not name.startswith(":"):
                    listed |= {p.resolve() for p in page.parent.glob(f"{name}.md")}
    assert {p.resolve() for p in PAGES} - listed == {(DOCS / "index.md").resolve()}
