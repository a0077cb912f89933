"""Write rows as CSV."""

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd


def to_csv(rows: Sequence[object]) -> bytes:
    """Return dataclasses as CSV, with a field empty where it is NaN."""
    return pd.DataFrame([asdict(row) for row in rows]).to_csv(index=False).encode()  # type: ignore[call-overload]
