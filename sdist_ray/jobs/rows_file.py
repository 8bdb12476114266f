"""Tables of people that a run left, people.parquet and tracks.parquet, read in parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sdist_ray.jobs.columns import check_names, checked, unreadable

ROWS_TOGETHER = 20_000
Values = dict[str, npt.NDArray[Any]]


class RowsFile:
    """A Parquet file of people."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        """Open it.

        Args:
            path: of the file.
            columns: that it must have; see columns.COLUMNS.

        Raises:
            InputError: it is not there, not readable, or lacks a column.
        """
        self.path = path
        try:
            self._data = ds.dataset(path, format="parquet")
            names = self._data.schema.names
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise unreadable(path, error) from error
        check_names(path, self._data.schema, names, columns)

    def batches(self, columns: tuple[str, ...], where: pc.Expression | None = None) -> Iterator[Values]:
        """Rows in their order, in parts; see columns.checked.

        Raises:
            InputError: they cannot be read, or hold what they must not.
        """
        try:
            for batch in self._data.to_batches(
                columns=list(columns), filter=where, batch_size=ROWS_TOGETHER, batch_readahead=1,
                fragment_readahead=1, use_threads=False,
            ):  # fmt: skip
                yield {name: checked(self.path, batch[name], name) for name in columns}
        except (OSError, pa.ArrowException) as error:
            raise unreadable(self.path, error) from error

    def rows(self, columns: tuple[str, ...], where: pc.Expression | None = None) -> Values:
        """All of them; see ``batches``."""
        parts = list(self.batches(columns, where))
        return {name: np.concatenate([np.empty(0), *(part[name] for part in parts)]) for name in columns}
