"""Filter by one network for each QP."""

from collections.abc import Iterable, Mapping

from codecnn.errors import InputError
from codecnn.inference.filtering import filter_windows
from codecnn.models.in_loop_filter import AnyFilter, FilterConfig, Windows
from codecnn.video.picture import Plane


class OneForEachQp:
    """Filter windows by the filter of their QP; all filters have the same configuration."""

    def __init__(self, name: str, filters: Mapping[int, AnyFilter]) -> None:
        """Raise InputError if the configurations differ; `name` is what the filters are called together."""
        self.name, self.filters = name, dict(sorted(filters.items()))
        self.config: FilterConfig = next(iter(self.filters.values())).config
        for qp, network in self.filters.items():
            if network.config != self.config:
                raise InputError(f"{name}: for QP {qp} it is another network than for QP {next(iter(self.filters))}")

    def check(self, qps: Iterable[int]) -> None:
        """Raise InputError if there is no filter for one of the QPs."""
        if missing := sorted(set(qps) - self.filters.keys()):
            wanted, known = (", ".join(map(str, qps)) for qps in (missing, self.filters))
            raise InputError(f"{self.name}: no filter for QP {wanted}, only {known}")

    def filter_windows(self, windows: Windows[Plane]) -> Plane:
        """Return the filtered luma of windows of one QP, (B, H, W)."""
        qp = int(windows.qp[0])
        self.check([qp])
        return filter_windows(self.filters[qp], windows)
