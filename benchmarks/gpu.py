"""The network of the recipe `stacked` trained on a GPU, over the same on the CPU."""

from __future__ import annotations

from benchmarks.measuring import Settings, best, outcrop, table
from benchmarks.simulated import WHOLE, scene


def main(settings: Settings) -> None:
    """Print both, or that there is no GPU."""
    import torch

    if not torch.cuda.is_available():
        print("There is no GPU here that torch could use: nothing measured.")
        return
    made, out = scene(settings, settings.size(WHOLE)), settings.out("gpu")
    found = best(
        {
            device: lambda device=device: outcrop(
                "fit", made.path, "-o", out, "--overwrite", "-q", "--recipe", "stacked",
                "--units", 15, "--device", device,
            )
            for device in ("cpu", "cuda")
        },
        settings.rounds,
    )  # fmt: skip
    print(f"`outcrop fit --recipe stacked` of {made}, on {torch.cuda.get_device_name()}:")
    cpu = found["cpu"].seconds
    rows = [(name, run.seconds, run.seconds / cpu) for name, run in found.items()]
    table(("device", "seconds", "over the CPU"), rows)
