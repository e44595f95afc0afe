import netCDF4
import numpy as np
import pytest
import xarray as xr

from made_up_run import made_up_record, made_up_simulations, made_up_splits
from tilth.evaluation.simulation_file import read_simulation, write_simulation

RECORD = made_up_record(days=40)
RUNS = made_up_simulations(RECORD)
SPLITS = made_up_splits(RECORD)


@pytest.fixture
def path(tmp_path):
    runs = {name: dict(outputs) for name, outputs in RUNS.items()}
    for outputs in runs.values():
        outputs["SoilTemp"] = 280.0 + np.arange(len(RECORD.time) * 6.0).reshape(-1, 6) / 1000
    write_simulation(tmp_path / "simulation.nc", RECORD, runs, SPLITS, attributes={"history": "test"})
    return tmp_path / "simulation.nc"


def test_what_is_written_is_read(path):
    found = read_simulation(path)
    assert (found.site, found.step, found.utc_offset) == ("XX-Tst", 1800.0, 8.0)
    np.testing.assert_array_equal(found.time, RECORD.time)
    assert list(found.runs) == ["default", "calibrated"]
    for run, outputs in RUNS.items():
        for name, series in outputs.items():
            np.testing.assert_allclose(found.runs[run][name], series, rtol=1e-6, atol=1e-6)
    assert found.runs["default"]["SoilTemp"].shape == (len(RECORD.time), 6)
    assert set(found.observed) == {"Qle", "Qh", "Rnet", "Qg"}
    np.testing.assert_allclose(found.observed["Qh"], RECORD.observations["Qh"].value, rtol=1e-6)
    np.testing.assert_array_equal(found.scored["Qle"], RECORD.scored("Qle"))
    for name, mask in SPLITS.items():
        np.testing.assert_array_equal(found.splits[name], mask)


def test_a_reader_that_honours_cf_sees_utc(path):
    with xr.open_dataset(path) as dataset:
        assert dataset["time"].values[0] == RECORD.time[0] - np.timedelta64(8, "h")
        assert dataset["time_bounds"].dims == ("time", "bound")


def test_cf_attributes(path):
    with netCDF4.Dataset(path) as file:
        assert file.Conventions == "CF-1.11"
        assert file["time"].units == "seconds since 2008-01-01 00:00:00 +08:00"
        assert file["time"].bounds == "time_bounds"
        bounds = file["time_bounds"][:]
        np.testing.assert_array_equal(bounds[:, 0], file["time"][:])
        assert np.all(np.diff(bounds) == 1800)
        assert (file["Qle"].units, file["Qle"].cell_methods) == ("W m-2", "time: mean")
        assert file["Qle"].standard_name == "surface_upward_latent_heat_flux"
        assert file["SoilTemp"].cell_methods.startswith("time: point")
        assert file["Qle"].filters()["zlib"]
        assert list(file["split"].flag_values) == [0, 1, 2]
        assert file["split"].flag_meanings == "neither calibration heldout"
        assert file.history == "test"


def test_western_half_hour_clock(tmp_path):
    attributes = RECORD.attributes.__class__(**{**vars(RECORD.attributes), "utc_offset": -3.5})
    write_simulation(tmp_path / "s.nc", RECORD.replace(attributes=attributes), RUNS, SPLITS)
    with netCDF4.Dataset(tmp_path / "s.nc") as file:
        assert file["time"].units.endswith("-03:30")


def test_a_series_of_another_length_leaves_nothing_behind(tmp_path):
    bad = {"default": {"Qle": np.zeros(7)}}
    with pytest.raises(ValueError, match=r"Qle of the default run must have the shape \(1920,\).*got \(7,\)"):
        write_simulation(tmp_path / "simulation.nc", RECORD, bad, SPLITS)
    assert list(tmp_path.iterdir()) == []


def test_no_run_may_be_called_observed(tmp_path):
    with pytest.raises(ValueError, match="cannot be called 'observed'"):
        write_simulation(tmp_path / "simulation.nc", RECORD, {"observed": RUNS["default"]}, SPLITS)


@pytest.mark.parametrize("content", [None, b"not a netCDF file"])
def test_what_is_no_simulation_file_is_refused(tmp_path, content):
    path = tmp_path / "simulation.nc"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"cannot be read as a simulation file .*expected the simulation\.nc"
    ):
        read_simulation(path)


def test_another_netcdf_file_is_refused(tmp_path):
    xr.Dataset({"Qle": ("time", np.zeros(3))}).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(ValueError, match="cannot be read as a simulation file"):
        read_simulation(tmp_path / "other.nc")
