import numpy as np
import pytest

from helpers_calibration import twin_record
from tilth.data.containers import FILLED, Observation
from tilth.observations.operators import RawFluxes
from tilth.observations.splits import inner_blocks, split_record
from tilth.observations.targets import FluxTargets

BOTH = ("Qle", "Qh")


def test_only_scored_steps_of_the_calibration_part_are_kept():
    record = twin_record(days=40)
    targets = FluxTargets.of([record], BOTH, RawFluxes())
    scored = record.scored("Qle") & split_record(record).calibration
    np.testing.assert_array_equal(targets.choice[0, 0], scored)
    blocks = inner_blocks(record, split_record(record))
    np.testing.assert_array_equal(targets.fit[0, 0], scored & blocks.fit)
    np.testing.assert_array_equal(targets.observed[0, 0][scored], record.observations["Qle"].value[scored])
    assert (targets.observed[0, 0][~scored] == 0.0).all()
    assert targets.deviation[0, 0] == pytest.approx(record.observations["Qle"].value[scored].std())


def test_filled_fluxes_and_forcing_out_of_range_do_not_count():
    record = twin_record(days=40)
    broken = record.forcing_in_range.copy()
    broken[30:60] = False
    targets = FluxTargets.of([record.replace(forcing_in_range=broken)], BOTH, RawFluxes())
    counted = targets.choice[0, 0]
    assert not counted[30:60].any()
    assert not counted[record.observations["Qle"].quality == FILLED].any()


def test_sites_of_different_lengths_and_fluxes_share_a_batch():
    long, short = twin_record("long", 40), twin_record("short", 20)
    short = short.replace(observations={"Qh": short.observations["Qh"]})
    targets = FluxTargets.of([long, short], BOTH, RawFluxes())
    assert targets.observed.shape == (2, 2, 40 * 24)
    assert not targets.fit[0, 1].any()
    assert targets.fit[1, 1].any()
    assert (targets.segment[1, 20 * 24 :] == -1).all()


def test_held_out_fluxes_change_nothing():
    record = twin_record(days=40)
    heldout = split_record(record).heldout
    other = {
        name: Observation(np.where(heldout, -999.0, flux.value), np.where(heldout, 0, flux.quality))
        for name, flux in record.observations.items()
    }
    one = FluxTargets.of([record], BOTH, RawFluxes())
    two = FluxTargets.of([record.replace(observations=other)], BOTH, RawFluxes())
    for name in ("observed", "fit", "choice", "mean", "deviation"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_a_site_without_anything_to_learn_from_is_named():
    bare = twin_record("bare").replace(observations={})
    with pytest.raises(ValueError, match="bare: fewer than 10 steps of Qle and Qh are scored"):
        FluxTargets.of([twin_record(), bare], BOTH, RawFluxes())
