import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

from helpers_models import SPACE, AnalyticModel, small_sites
from tilth.ensembles.design import sobol
from tilth.ensembles.run import groups_by_length, members_at_once, run_ensemble
from tilth.ensembles.store import EnsembleStore
from tilth.models.base import AbstractLandModel

THETAS = sobol(SPACE, 5, 0)


class Interrupted(Exception):
    pass


@dataclasses.dataclass(eq=False, repr=False)
class Tally:
    """Members of each call of a model, and after how many calls it is interrupted."""

    stop_after: int = 10**9
    calls: list[Any] = dataclasses.field(default_factory=list)

    def __repr__(self) -> str:
        return "Tally"


class Counting(AnalyticModel):
    """The analytic model, keeping a tally of its calls and interrupted after some of them."""

    tally: Tally = eqx.field(static=True, kw_only=True)

    def run(self, thetas, sites):
        if len(self.tally.calls) >= self.tally.stop_after:
            raise Interrupted
        self.tally.calls.append(len(thetas))
        return AnalyticModel.run(self, thetas, sites)


def test_store_holds_what_the_model_gave(tmp_path) -> None:
    sites = small_sites(3, 2)
    seen: list[tuple[int, int]] = []
    store = run_ensemble(
        AnalyticModel(),
        THETAS,
        sites,
        tmp_path / "e",
        chunk=2,
        progress=lambda done, total, _: seen.append((done, total)),
    )
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert store.done.all()
    assert store.succeeded.all()
    assert store.output_names == ("Qh", "Qle")
    assert store.site_names == ("site-0", "site-1")
    truth = AnalyticModel().run(jnp.asarray(THETAS)[:, None], sites).outputs["Qle"]
    np.testing.assert_array_equal(store.series("Qle", 3, 1), np.asarray(truth[3, 1, :48], dtype=np.float32))
    assert store.series("Qle", 3, 0).shape == (72,)
    np.testing.assert_array_equal(store.thetas[:, 1], THETAS)


def test_store_opens_with_xarray_with_units_and_provenance(tmp_path) -> None:
    run_ensemble(AnalyticModel(), THETAS, small_sites(2), tmp_path / "e")
    dataset = xarray.open_zarr(tmp_path / "e" / "outputs", consolidated=False)
    assert dataset.Qle.dims == ("member", "site", "time")
    assert dataset.Qle.attrs["units"] == "W m-2"
    assert dataset.Qle.dtype == np.float32
    attributes = EnsembleStore.open(tmp_path / "e").attributes
    assert attributes["format_version"] == 1
    assert attributes["space"][0]["name"] == "rlfv"
    assert len(attributes["sites"]["site-0"]) == 64
    assert attributes["start_times"] == ["2004-02-20T00:00:00"]


def test_failed_members_are_data(tmp_path) -> None:
    limit = float(np.sort(THETAS[:, 0])[2])
    store = run_ensemble(AnalyticModel(fails_above=limit), THETAS, small_sites(2), tmp_path / "e")
    assert store.done.all()
    np.testing.assert_array_equal(store.succeeded[:, 0], THETAS[:, 0] <= limit)
    assert np.isnan(store.series("Qle", int(np.argmax(THETAS[:, 0])), 0)).all()


def test_interrupted_run_goes_on_where_it_stopped(tmp_path) -> None:
    sites = small_sites(2)
    whole = run_ensemble(Counting(tally=Tally()), THETAS, sites, tmp_path / "whole", chunk=2)
    tally = Tally(stop_after=2)
    model = Counting(tally=tally)
    with pytest.raises(Interrupted):
        run_ensemble(model, THETAS, sites, tmp_path / "parts", chunk=2)
    np.testing.assert_array_equal(EnsembleStore.open(tmp_path / "parts").done[:, 0], [True] * 4 + [False])
    tally.calls.clear()
    resumed = run_ensemble(model, THETAS, sites, tmp_path / "parts", chunk=2)
    assert tally.calls == [2]
    for member in range(5):
        np.testing.assert_array_equal(resumed.series("Qh", member, 0), whole.series("Qh", member, 0))


def test_members_are_shared_evenly_by_batches(tmp_path) -> None:
    tally = Tally()
    store = run_ensemble(Counting(tally=tally), THETAS, small_sites(2), tmp_path / "e", chunk=4)
    assert tally.calls == [3, 3] and store.done.all()


def test_one_site_of_one_member_is_the_unit_of_resuming(tmp_path) -> None:
    sites = small_sites(2, 2)
    store = run_ensemble(AnalyticModel(), THETAS, sites, tmp_path / "e")
    before = store.series("Qle", 1, 1).copy()
    (tmp_path / "e" / "status" / "c" / "1" / "0").unlink()
    assert not EnsembleStore.open(tmp_path / "e").done[1, 0]
    (tmp_path / "e" / "outputs" / "Qle" / "c" / "1" / "0" / "0").unlink()
    again = run_ensemble(AnalyticModel(), THETAS, sites, tmp_path / "e")
    assert again.done.all()
    np.testing.assert_array_equal(again.series("Qle", 1, 1), before)
    assert np.isfinite(again.series("Qle", 1, 0)).all()


def test_another_ensemble_is_refused_and_everything_that_differs_is_named(tmp_path) -> None:
    path = tmp_path / "e"
    run_ensemble(AnalyticModel(), THETAS, small_sites(2), path)
    with pytest.raises(
        ValueError,
        match=r"model: stored AnalyticModel .*sites: stored site-0 .*members: stored 5, now 3 of which",
    ):
        run_ensemble(AnalyticModel(fails_above=1.0), THETAS[:3], small_sites(3), path)
    narrow = SPACE.select(SPACE.names, {"gradm": (2.0, 20.0)})
    with pytest.raises(ValueError, match=r"parameters: stored .*gradm \[1, 20\].* now .*gradm \[2, 20\]"):
        run_ensemble(AnalyticModel(space=narrow), THETAS, small_sites(2), path)
    with pytest.raises(ValueError, match="resuming was not asked for"):
        run_ensemble(AnalyticModel(), THETAS, small_sites(2), path, resume=False)


def test_members_are_added_to_a_store(tmp_path) -> None:
    sites = small_sites(2, 2)
    run_ensemble(AnalyticModel(), THETAS[:3], sites, tmp_path / "e")
    tally = Tally()
    with pytest.raises(ValueError, match="model: stored AnalyticModel"):
        run_ensemble(Counting(tally=tally), THETAS, sites, tmp_path / "e")
    grown = run_ensemble(AnalyticModel(), THETAS, sites, tmp_path / "e")
    whole = run_ensemble(AnalyticModel(), THETAS, sites, tmp_path / "whole")
    assert grown.succeeded.all()
    np.testing.assert_array_equal(grown.thetas, whole.thetas)
    for member in range(5):
        np.testing.assert_array_equal(grown.series("Qle", member, 1), whole.series("Qle", member, 1))
    counting = Counting(tally=tally)
    run_ensemble(counting, THETAS[:3], sites, tmp_path / "counted")
    run_ensemble(counting, THETAS, sites, tmp_path / "counted")
    assert tally.calls == [3, 2]


def test_members_that_are_added_are_not_filled_up_to_the_batches_of_the_design(tmp_path) -> None:
    sites, more = small_sites(1, 1), sobol(SPACE, 12, 0)
    tally = Tally()
    run_ensemble(Counting(tally=tally), more[:8], sites, tmp_path / "e", chunk=4)
    run_ensemble(Counting(tally=tally), more[:10], sites, tmp_path / "e", chunk=4)
    store = run_ensemble(Counting(tally=tally), more, sites, tmp_path / "e", chunk=4)
    assert tally.calls == [4, 4, 2, 2] and store.parts == (8, 2, 2) and store.done.all()


def test_groups_of_sites_waste_little_padding() -> None:
    assert [list(group) for group in groups_by_length([5, 5, 5])] == [[0, 1, 2]]
    # Eleven years among records of one to three: the long one alone, the others padded by a quarter at most.
    lengths = [2, 1, 11, 3, 2, 1, 2]
    groups = [list(group) for group in groups_by_length(lengths)]
    assert groups == [[2], [0, 3, 4, 6], [1, 5]]
    assert groups_by_length([4, 2])[0].tolist() == [0, 1]  # exactly a quarter
    assert len(groups_by_length([40, 19])) == 2


class Padded(AnalyticModel):
    """The analytic model, noting how many members, sites and steps each call has, and how often it may go."""

    tally: Tally = eqx.field(static=True, kw_only=True)

    def run(self, thetas, sites):
        if len(self.tally.calls) >= self.tally.stop_after:
            raise Interrupted
        self.tally.calls.append((thetas.shape[0], *sites.valid.shape))
        return AnalyticModel.run(self, thetas, sites)


def test_sites_of_other_lengths_are_run_for_themselves_and_resumed(tmp_path) -> None:
    sites = small_sites(2, 11, 3)
    thetas = np.stack([sobol(SPACE, 5, seed) for seed in range(3)], axis=1)
    tally = Tally(stop_after=4)
    model = Padded(tally=tally)
    told: list[tuple[int, int]] = []
    with pytest.raises(Interrupted):
        run_ensemble(
            model, thetas, sites, tmp_path / "e", chunk=2, progress=lambda *now: told.append(now[:2])
        )
    assert tally.calls == [(2, 1, 264)] * 3 + [(2, 2, 72)]
    assert told == [(0, 5), (1, 5), (1, 5), (3, 5)]
    stopped = EnsembleStore.open(tmp_path / "e").done
    assert (
        stopped[:, 1].all() and stopped[:, 0].tolist() == stopped[:, 2].tolist() == [True] * 2 + [False] * 3
    )
    tally.calls.clear()
    store = run_ensemble(
        model, thetas, sites, tmp_path / "e", chunk=2, progress=lambda *now: told.append(now[:2])
    )
    assert tally.calls == [(2, 2, 72)] * 2 and told[-1] == (5, 5)
    assert store.site_names == ("site-0", "site-1", "site-2") and store.succeeded.all()
    truth = AnalyticModel().run(jnp.asarray(thetas), sites).outputs["Qle"]
    for member in range(5):
        for site, length in enumerate((48, 264, 72)):
            expected = np.asarray(truth[member, site, :length], np.float32)
            np.testing.assert_allclose(store.series("Qle", member, site), expected, rtol=1e-6, atol=1e-4)


def test_a_batched_call_has_many_columns_but_fits_in_memory() -> None:
    assert members_at_once(small_sites(2)) == 1024
    assert members_at_once(small_sites(2, 2, 2)) == 341
    long = small_sites(2)
    long = eqx.tree_at(lambda s: s.valid, long, jnp.ones((1, 2_000_000), dtype=bool))
    assert members_at_once(long) == 10


def test_wrong_parameter_values_are_refused_before_anything_is_written(tmp_path) -> None:
    model: AbstractLandModel = AnalyticModel()
    with pytest.raises(ValueError, match="outside their bounds: gradm"):
        run_ensemble(model, THETAS * [1.0, 10.0, 1.0], small_sites(2), tmp_path / "e")
    with pytest.raises(ValueError, match=r"\[member, 1 or 2 sites, param\], got shape \(5, 3, 3\)"):
        run_ensemble(model, np.repeat(THETAS[:, None], 3, axis=1), small_sites(2, 2), tmp_path / "e")
    with pytest.raises(ValueError, match="at least one member"):
        run_ensemble(model, THETAS[:0], small_sites(2), tmp_path / "e")
    assert not (tmp_path / "e").exists()
