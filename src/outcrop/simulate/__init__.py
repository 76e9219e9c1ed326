"""Scenes made from a geological map and unit spectra, with the truth beside them.

What a satellite would see of ground whose geology is known: `simulate_scene` makes the
map up, `simulate_from_map` takes a raster of rock units, `write_scene` puts either on disk.
"""

from __future__ import annotations

from outcrop.simulate.files import write_scene
from outcrop.simulate.scene import SimulatedScene, simulate_from_map, simulate_scene
from outcrop.simulate.spectra import LITHOLOGIES, Lithology

__all__ = [
    "LITHOLOGIES",
    "Lithology",
    "SimulatedScene",
    "simulate_from_map",
    "simulate_scene",
    "write_scene",
]
