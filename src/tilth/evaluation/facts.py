"""The facts of a run, ``run.json``: what was run on what, and where everything came from."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tilth.data.containers import SiteRecord


def site_facts(record: SiteRecord) -> dict[str, Any]:
    """What ``run.json`` says of a site: the keys ``site``, ``findings``, ``sources`` and ``files``.

    Heights are in m, latitude and longitude in degrees, ``utc_offset`` in hours, ``step`` in seconds.
    """
    attributes = record.attributes
    return {
        "site": {
            **vars(attributes),
            "period_start": str(record.time[0]),
            "period_end": str(record.time[-1] + np.timedelta64(round(record.step), "s")),
            "step": float(record.step),
            "steps": len(record.time),
            "forcing_in_range": float(record.forcing_in_range.mean()),
            "scored": {name: int(record.scored(name).sum()) for name in record.observations},
        },
        "findings": [vars(finding) for finding in record.findings],
        "sources": dict(record.sources),
        "files": dict(record.files),
    }


def write_facts(path: Path, facts: Mapping[str, Any]) -> None:
    """Writes the facts of a run as JSON, whole or not at all; what is not finite becomes null."""
    partial = path.with_name(path.name + ".part")
    try:
        text = json.dumps(_plain(facts), indent=2, ensure_ascii=False, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read_facts(path: Path) -> dict[str, Any]:
    """Reads the facts of a run; ``ValueError`` where the file is missing or is not a JSON object."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise ValueError(
            f"{path} cannot be read ({problem}): expected the run.json of a run folder"
        ) from problem
    if not isinstance(facts, dict):
        raise ValueError(
            f"{path} must hold a JSON object with the facts of a run, got {type(facts).__name__}"
        )
    return facts


def _plain(value: Any) -> Any:
    """The value in the types of JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
