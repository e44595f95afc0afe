"""The leaf table of an experiment."""

from pathlib import Path

from tilth.config_leaf import LeafExperiment
from tilth.data.leaf_gas_exchange import read_leaf_table
from tilth.data.leaf_points import LeafTable
from tilth.data.synthetic_leaves import synthetic_leaves


def leaf_table(experiment: LeafExperiment, root: Path | None) -> LeafTable:
    """The table that an experiment names, below the data folder ``root``, or generated leaves.

    Raises ``ValueError`` where files are named but no folder is given, or a name matches no file.
    """
    if experiment.data is None:
        return synthetic_leaves(**experiment.generated.model_dump())
    if root is None:
        raise ValueError("the experiment reads files: give the data folder with --data or in TILTH_DATA")
    found: list[Path] = []
    for pattern in experiment.data.files:
        files = sorted(root.glob(pattern))
        if not files:
            raise ValueError(f"no file matches {pattern!r} in {root}: check `files` and the data folder")
        found += files
    return read_leaf_table(found, experiment.data.layout())
