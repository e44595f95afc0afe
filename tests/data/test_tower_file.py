import numpy as np
import pytest
import xarray as xr

from made_up_tower import UNITS, clock, pair, weather, write
from tilth.data.joined import join, read_joined
from tilth.data.tower_file import read_tower_file


def test_a_file_is_read_as_it_is(tmp_path):
    path, _ = pair(tmp_path)
    file = read_tower_file(path)
    assert (file.site, file.igbp, file.step, len(file.time)) == ("XX-Tst", "GRA", 1800.0, 60 * 48)
    assert file.time[0] == np.datetime64("2001-04-01T00:00:00") and file.units["Tair"] == "K"
    assert file.scalars["canopy_height"] == 0.5 and len(file.checksum) == 64


def test_the_file_name_names_a_site_that_the_attributes_do_not(tmp_path):
    time = clock(days=2)
    assert (
        read_tower_file(write(tmp_path, "Met", time, weather(time), site="", name="YY-Abc_Met.nc")).site
        == "YY-Abc"
    )


def test_what_is_no_tower_file_is_refused(tmp_path):
    text = tmp_path / "XX-Tst_Met.nc"
    text.write_text("Tair,Qair\n1,2\n")
    with pytest.raises(
        ValueError, match=r"expected a netCDF file in the PLUMBER2 layout, got one that cannot be read"
    ):
        read_tower_file(text)
    with pytest.raises(ValueError, match=r"expected a netCDF file, got nothing there"):
        read_tower_file(tmp_path / "none.nc")
    other = tmp_path / "other.nc"
    xr.Dataset({"temperature": ("time", np.zeros(3))}).to_netcdf(other)
    with pytest.raises(
        ValueError, match=r"expected variables of a flux tower under their ALMA names .* got temperature"
    ):
        read_tower_file(other)


def test_a_damaged_file_is_refused(tmp_path):
    path, _ = pair(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"got one that cannot be read"):
        read_tower_file(path)
    with xr.open_dataset(write(tmp_path, "Met", clock(), weather(clock()))) as sound:
        encoding = {"Tair": {"zlib": True, "fletcher32": True}}
        sound.to_netcdf(tmp_path / "XX-Tst_packed_Met.nc", encoding=encoding)
    packed = tmp_path / "XX-Tst_packed_Met.nc"
    content = bytearray(packed.read_bytes())
    compressed = content.find(b"\x78\x5e")
    assert compressed > 0
    content[compressed + 10 : compressed + 200] = bytes(190)
    packed.write_bytes(content)
    with pytest.raises(ValueError, match=r"got one that cannot be read"):
        read_tower_file(packed)


def test_a_clock_that_cannot_be_read_is_refused(tmp_path):
    path = tmp_path / "XX-Tst_Met.nc"
    xr.Dataset({"Tair": ("time", np.zeros(3))}).to_netcdf(path)
    with pytest.raises(ValueError, match=r"expected a variable 'time', got none"):
        read_tower_file(path)
    xr.Dataset({"Tair": ("time", np.zeros(3))}, {"time": ("time", [0.0, 1.0, 2.0])}).to_netcdf(path)
    with pytest.raises(
        ValueError, match=r"expected a time with units and the standard calendar, got units 'none'"
    ):
        read_tower_file(path)
    units = {"units": "fortnights since the flood"}
    xr.Dataset({"Tair": ("time", np.zeros(3))}, {"time": ("time", [0.0, 1.0, 2.0], units)}).to_netcdf(path)
    with pytest.raises(ValueError, match=r"expected a time in the style 'seconds since"):
        read_tower_file(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda time: np.delete(time, 0)[:1], "expected a series, got 1 time steps"),
        (lambda time: time[::8], "expected time steps of 30 or 60 minutes, got 240 minutes"),
        (
            lambda time: np.sort(np.append(time, time[5])),
            "expected a regular clock of 30 minutes, got 1 irregular",
        ),
        (
            lambda time: np.where(time == time[7], time[7] + np.timedelta64(60, "s"), time),
            "expected a regular clock of 30 minutes, got 2 irregular steps, the first from",
        ),
    ],
)
def test_an_irregular_clock_is_refused(tmp_path, change, message):
    time = change(clock(days=2))
    path = write(tmp_path, "Met", time, {"Tair": np.full(len(time), 280.0)})
    with pytest.raises(ValueError, match=message):
        read_tower_file(path)


def test_several_points_are_refused(tmp_path):
    path = tmp_path / "XX-Tst_Met.nc"
    stamps = ("time", [0.0, 1800.0], {"units": "seconds since 2001-01-01"})
    xr.Dataset({"Tair": (("time", "x"), np.zeros((2, 2)))}, {"time": stamps}).to_netcdf(path)
    with pytest.raises(ValueError, match=r"expected one point, got Tair of shape \(2, 2\)"):
        read_tower_file(path)


def test_several_pairs_become_one_record_of_segments(tmp_path):
    first, second = clock(days=10, start="2001-04-01"), clock(days=10, start="2004-04-01")
    tower = read_joined([*pair(tmp_path, second), *pair(tmp_path, first)])
    assert len(tower.time) == 20 * 48 and set(tower.segment) == {0, 1}
    assert (np.diff(tower.time) > np.timedelta64(1800, "s")).sum() == 1
    assert any("spun up again" in finding.message for finding in tower.findings)


def test_a_hole_of_less_than_thirty_days_is_a_gap_in_one_segment(tmp_path):
    first, second = clock(days=10, start="2001-04-01"), clock(days=10, start="2001-04-21")
    met = [
        write(tmp_path, "Met", time, weather(time), name=f"XX-Tst_{index}_Met.nc")
        for index, time in enumerate((first, second))
    ]
    tower = read_joined(met)
    assert len(tower.time) == 30 * 48 and set(tower.segment) == {0}
    assert (np.diff(tower.time) == np.timedelta64(1800, "s")).all()
    assert np.isnan(tower.met["Tair"]).sum() == 10 * 48
    assert any("480 steps are left out" in finding.message for finding in tower.findings)


def test_met_and_flux_of_different_length_are_aligned(tmp_path):
    long, short = clock(days=30), clock(days=10, start="2001-04-11")
    met = write(tmp_path, "Met", long, weather(long))
    flux = write(tmp_path, "Flux", short, {"Qle": np.arange(480.0)})
    tower = read_joined([flux, met])
    assert tower.time[0] == short[0] and len(tower.time) == 480
    assert tower.flux["Qle"].tolist() == list(range(480))
    assert tower.met["Tair"].tolist() == read_joined([met]).met["Tair"][480:960].tolist()
    assert any("960 of 1440 steps" in finding.message for finding in tower.findings)


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    time = clock(days=3)
    met, flux = pair(tmp_path, time)
    with pytest.raises(ValueError, match=r"expected Met and Flux files of one site, got none"):
        read_joined([])
    with pytest.raises(ValueError, match=r"expected each file once"):
        read_joined([met, met])
    with pytest.raises(ValueError, match=r"expected a Met file .* got only XX-Tst_2001_Made_Flux.nc"):
        read_joined([flux])
    elsewhere = write(tmp_path, "Flux", time, {"Qle": np.ones(len(time))}, site="YY-Abc")
    with pytest.raises(ValueError, match=r"expected files of one site, got .*XX-Tst.*\(YY-Abc\)"):
        read_joined([met, elsewhere])
    moved = write(
        tmp_path, "Flux", time, {"Qle": np.ones(len(time))}, scalars={"latitude": 10.0}, name="a.nc"
    )
    with pytest.raises(ValueError, match=r"expected files of one site, got different latitudes"):
        read_joined([met, moved])
    again = write(tmp_path, "Met", time, weather(time), name="XX-Tst_again_Met.nc")
    with pytest.raises(ValueError, match=r"expected Met files that follow each other, .* give one of them"):
        read_joined([met, again, flux])


def test_clocks_that_do_not_fit_are_refused(tmp_path):
    time = clock(days=3)
    met, _ = pair(tmp_path, time)
    later = clock(days=3, start="2005-01-01")
    flux = write(tmp_path, "Flux", later, {"Qle": np.ones(len(later))})
    with pytest.raises(ValueError, match=r"expected Met and Flux files that overlap in time, got Met 2001"):
        read_joined([met, flux])
    hourly = clock(days=3, step=3600)
    flux = write(tmp_path, "Flux", hourly, {"Qle": np.ones(len(hourly))})
    with pytest.raises(ValueError, match=r"expected one length of time step, got .*\(30 min\).*\(60 min\)"):
        read_joined([met, flux])
    shifted = time + np.timedelta64(900, "s")
    flux = write(tmp_path, "Flux", shifted, {"Qle": np.ones(len(time))})
    with pytest.raises(ValueError, match=r"expected clocks that fit each other"):
        read_joined([met, flux])


def test_all_wrong_units_are_said_at_once(tmp_path):
    time = clock(days=3)
    met = write(tmp_path, "Met", time, weather(time), units={**UNITS, "Tair": "F", "Wind": "knots"})
    with pytest.raises(ValueError, match=r"Tair: expected a unit .*; .*Wind: expected a unit"):
        read_joined([met])


def test_units_are_converted_and_lies_are_reported(tmp_path):
    time = clock(days=3)
    series = weather(time)
    truth = series["Tair"].copy()
    series["Tair"] = truth - 273.15
    stated = write(tmp_path, "Met", time, series, units={**UNITS, "Tair": "degC"})
    assert read_joined([stated]).met["Tair"] == pytest.approx(truth)
    lying = read_joined([write(tmp_path, "Met", time, series)])
    assert lying.met["Tair"] == pytest.approx(truth)
    assert "says K and holds °C" in lying.findings[0].message


def test_met_goes_before_flux_where_they_disagree_on_a_fact(tmp_path):
    time = clock(days=3)
    met = write(tmp_path, "Met", time, weather(time))
    flux = write(tmp_path, "Flux", time, {"Qle": np.ones(len(time))}, scalars={"reference_height": 2.0})
    tower = join([read_tower_file(flux), read_tower_file(met)])
    assert tower.scalars["reference_height"] == 4.0
    assert any("reference_height is 4 in" in finding.message for finding in tower.findings)
