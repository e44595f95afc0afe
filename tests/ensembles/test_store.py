import json

import numpy as np
import pytest

from tilth.ensembles.store import EnsembleStore, Provenance

PROVENANCE = Provenance("model 1", [{"name": "a", "lower": 0.0, "upper": 1.0}], {"here": "0" * 64})


def made(path) -> EnsembleStore:
    return EnsembleStore.create(
        path, np.zeros((2, 1, 1)), PROVENANCE, lengths=[4], outputs={"Qle": (), "SoilMoist": (3,)}
    )


def test_written_runs_are_read_back_with_their_layers(tmp_path) -> None:
    store = made(tmp_path / "s")
    layers = np.arange(12.0).reshape(4, 3)
    assert not store.done.any()
    store.write(1, 0, {"Qle": np.arange(6.0), "SoilMoist": layers}, succeeded=False)
    np.testing.assert_array_equal(store.done, [[False], [True]])
    np.testing.assert_array_equal(store.succeeded, [[False], [False]])
    np.testing.assert_array_equal(store.series("Qle", 1, 0), np.arange(4.0, dtype=np.float32))
    np.testing.assert_array_equal(store.series("SoilMoist", 1, 0), layers.astype(np.float32))


def test_folders_that_are_no_store_are_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="found none: run the ensemble first"):
        EnsembleStore.open(tmp_path / "nothing")
    made(tmp_path / "s")
    with pytest.raises(ValueError, match="exists: open it"):
        made(tmp_path / "s")
    header = tmp_path / "s" / "zarr.json"
    content = json.loads(header.read_text())
    content["attributes"]["format_version"] = 99
    header.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"format version 1 \(got 99\)"):
        EnsembleStore.open(tmp_path / "s")
