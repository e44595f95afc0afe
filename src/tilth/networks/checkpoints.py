"""Files that hold a tree of arrays with a readable header: checkpoints and trained networks.

A file is one line of JSON (what the arrays belong to) and then the arrays as Equinox writes them. It is
written beside its place and moved there, so an interruption leaves the file of before.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import equinox as eqx

Tree = TypeVar("Tree")

FORMAT = "tilth arrays 1"


def save_arrays(path: Path, header: Mapping[str, Any], tree: Any) -> None:
    """Write the arrays of ``tree`` under a header of plain values."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        file.write((json.dumps({"format": FORMAT, **header}) + "\n").encode())
        eqx.tree_serialise_leaves(file, tree)
    os.replace(partial, path)


def read_header(path: Path) -> dict[str, Any]:
    """The header of a file; ``ValueError`` if it is not one of ours."""
    with open(path, "rb") as file:
        return _header(file, Path(path))


def load_arrays(path: Path, like: Tree) -> Tree:
    """The arrays of a file in a tree shaped as ``like``; check the header first."""
    with open(path, "rb") as file:
        _header(file, Path(path))
        return eqx.tree_deserialise_leaves(file, like)


def check_header(path: Path, expected: Mapping[str, Any]) -> dict[str, Any]:
    """The header of a file, of which every entry of ``expected`` must be the same.

    Raises ``ValueError`` naming all entries that differ.
    """
    header = read_header(path)
    plain = json.loads(json.dumps(expected))
    different = [_difference(k, header.get(k), v) for k, v in plain.items() if header.get(k) != v]
    if different:
        raise ValueError(
            f"{path} belongs to another run: {'; '.join(different)}. "
            "Go on with the settings it was saved with, or choose another file"
        )
    return header


def _difference(name: str, saved: Any, now: Any) -> str:
    """Where two plain values differ, in words, down to the first entry of mappings and lists that does."""
    if isinstance(saved, dict) and isinstance(now, dict):
        for key in {**saved, **now}:
            if saved.get(key) != now.get(key):
                return _difference(f"{name}.{key}", saved.get(key), now.get(key))
    if isinstance(saved, list) and isinstance(now, list) and len(saved) == len(now):
        for index, (old, new) in enumerate(zip(saved, now, strict=True)):
            if old != new:
                return _difference(f"{name}[{index}]", old, new)
    return f"{name}: saved {_short(saved)}, now {_short(now)}"


def _short(value: Any) -> str:
    return f"{len(value)} entries" if isinstance(value, list | dict) else repr(value)


def _header(file: BinaryIO, path: Path) -> dict[str, Any]:
    line = file.readline(10_000_000)
    try:
        header = json.loads(line)
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"{path} is not a checkpoint or network of this package: expected one saved by it")
    return header
