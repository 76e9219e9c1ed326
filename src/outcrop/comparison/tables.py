"""Tables on disk: CSV always, Parquet where something can write it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NO_PARQUET = "no Parquet: it needs pyarrow (pip install pyarrow); the CSV files hold the same"


def write_table(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``NAME.csv`` and, where pyarrow is installed, ``NAME.parquet``."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as sink:
        writer = csv.DictWriter(sink, columns)
        writer.writeheader()
        writer.writerows(rows)
    if find_spec("pyarrow") is not None:
        import pandas as pd

        pd.read_csv(folder / f"{name}.csv").to_parquet(folder / f"{name}.parquet", index=False)


def parquet_note() -> str | None:
    """Say why there is no Parquet; None where there is."""
    return NO_PARQUET if find_spec("pyarrow") is None else None
