import numpy as np
import pytest

from helpers_calibration import twin_record
from tilth.data.containers import FILLED, MEASURED, Observation
from tilth.observations.operators import (
    TARGETS,
    CorrectedFluxes,
    RawFluxes,
    bowen_ratio_factor,
    named_target,
)
from tilth.observations.splits import split_record

BOTH = ("Qle", "Qh")


def leaky_record(days=60, share=0.8):
    """A record whose tower measures ``share`` of the turbulent fluxes of a balance that closes."""
    record = twin_record(days=days)
    quality = np.full(len(record.time), MEASURED)
    latent = 0.4 * record.forcing["shortwave_down"]
    sensible = 0.3 * record.forcing["shortwave_down"]
    ground = 0.1 * record.forcing["shortwave_down"] - 10.0
    series = {"Qle": share * latent, "Qh": share * sensible, "Rnet": latent + sensible + ground, "Qg": ground}
    return record.replace(observations={k: Observation(v, quality) for k, v in series.items()})


def test_raw_fluxes_are_those_of_the_record_and_absent_ones_are_left_out():
    record = leaky_record()
    observed = RawFluxes().observed(record, ("Qle", "GPP"))
    assert list(observed) == ["Qle"]
    assert observed["Qle"] is record.observations["Qle"].value


def test_bowen_ratio_closure_recovers_the_true_fluxes():
    record = leaky_record(share=0.8)
    observed = CorrectedFluxes().observed(record, BOTH)
    raw = record.observations
    for name in BOTH:
        known = np.isfinite(observed[name])
        assert known.mean() > 0.9
        np.testing.assert_allclose(observed[name][known], raw[name].value[known] / 0.8, rtol=1e-12)
    # The Bowen ratio is kept.
    day = np.isfinite(observed["Qle"]) & (raw["Qle"].value > 1.0)
    np.testing.assert_allclose(observed["Qh"][day], 0.75 * observed["Qle"][day], rtol=1e-12)


def test_closure_of_the_calibration_part_does_not_know_the_held_out_fluxes():
    record = leaky_record()
    split = split_record(record)
    changed = dict(record.observations)
    for name in BOTH:
        changed[name] = Observation(
            np.where(split.heldout, 0.7 * changed[name].value, changed[name].value), changed[name].quality
        )
    before = bowen_ratio_factor(record, split)
    after = bowen_ratio_factor(record.replace(observations=changed), split)
    np.testing.assert_array_equal(before[split.calibration], after[split.calibration])
    assert not np.array_equal(before[split.heldout], after[split.heldout], equal_nan=True)


def test_the_files_own_correction_comes_first():
    record = leaky_record()
    own = {
        f"{name}_cor": Observation(np.full(len(record.time), 7.0), record.observations[name].quality)
        for name in BOTH
    }
    observed = CorrectedFluxes().observed(record.replace(observations={**record.observations, **own}), BOTH)
    assert (observed["Qle"] == 7.0).all()


def test_implausible_closure_is_not_used():
    assert np.isnan(bowen_ratio_factor(leaky_record(share=0.3), split_record(leaky_record()))).all()


def test_filled_net_radiation_closes_nothing():
    record = leaky_record()
    radiation = record.observations["Rnet"]
    filled = Observation(radiation.value, np.full(len(record.time), FILLED))
    factor = bowen_ratio_factor(
        record.replace(observations={**record.observations, "Rnet": filled}), split_record(record)
    )
    assert np.isnan(factor).all()


def test_correction_without_what_it_takes_is_refused():
    with pytest.raises(
        ValueError, match="twin: corrected fluxes need .* has no Rnet, Qg: use the target raw or closure"
    ):
        CorrectedFluxes().observed(twin_record(), BOTH)


def test_targets_have_names():
    assert all(named_target(name).name == name for name in TARGETS)
    with pytest.raises(ValueError, match="unknown target 'best': expected one of raw, corrected, closure"):
        named_target("best")
