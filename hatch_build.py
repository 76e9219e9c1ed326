"""Builds the workbench's page with Vite, so that a wheel holds it.

Where Node and npm are missing, or the build fails, the package is built without it: all else
works, and `outcrop serve` says what is missing. OUTCROP_WORKBENCH=require makes that an error, as
a release should; OUTCROP_WORKBENCH=skip leaves the page as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
STATIC = ROOT / "src" / "outcrop" / "web" / "static"
SOURCES = ("package-lock.json", "package.json", "index.html", "vite.config.ts", "src")


class WorkbenchHook(BuildHookInterface):
    """Runs `npm ci` and Vite in ``web/``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page if its sources are newer than it, and take it into the wheel."""
        wish = os.environ.get("OUTCROP_WORKBENCH", "")
        if wish != "skip" and not _is_fresh():
            try:
                _build()
            except (OSError, subprocess.CalledProcessError) as error:
                if wish == "require":
                    raise
                print(f"outcrop: the workbench's page was not built ({error})", file=sys.stderr)


def _is_fresh() -> bool:
    page = STATIC / "index.html"
    if not page.is_file():
        return False
    built = page.stat().st_mtime
    files = [
        p for name in SOURCES for p in (ROOT / "web" / name, *(ROOT / "web" / name).rglob("*"))
    ]
    return all(p.stat().st_mtime <= built for p in files if p.is_file())


def _build() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed; Node 20 or newer brings it")
    for command in (["ci", "--no-audit", "--no-fund", "--fetch-retries", "1"], ["run", "build"]):
        subprocess.run([npm, *command], cwd=ROOT / "web", check=True, stdout=sys.stderr)
