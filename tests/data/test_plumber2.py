import functools
from pathlib import Path

import numpy as np
import pytest

from made_up_tower import UNITS, clock, fluxes, pair, weather, write
from tilth.data.containers import (
    FILLED,
    FORCING_NAMES,
    MEASURED,
    MISSING,
    UNKNOWN,
    Forcing,
    SiteRecord,
    Sites,
)
from tilth.data.options import SiteOptions
from tilth.data.plumber2 import read_site

TOWERS = ("CN-Cng", "ID-Pag", "FI-Hyy", "US-Blo", "BW-Ma1", "US-SRM", "ES-ES2")


def site_files(shared_data: Path, site: str) -> list[Path]:
    files = sorted((shared_data / "plumber2").glob(f"{site}_*.nc"))
    return [file for file in files if not file.name.endswith("2008-2009_FLUXNET2015_Met.nc")]


@functools.cache
def real_record(shared_data: Path, site: str) -> SiteRecord:
    return read_site(site_files(shared_data, site))


def messages(record: SiteRecord, topic: str) -> str:
    return " | ".join(finding.message for finding in record.findings if finding.topic == topic)


def test_a_record_is_complete_and_says_where_everything_came_from(tmp_path):
    record = read_site(pair(tmp_path))
    assert set(record.forcing) == set(Forcing.__dataclass_fields__)
    assert all(np.isfinite(series).all() and len(series) == 2880 for series in record.forcing.values())
    assert record.forcing_in_range.all() and record.usable.all() and not record.segment.any()
    facts = record.attributes
    assert (facts.plant_class, facts.soil, facts.pathway, facts.utc_offset) == (
        "grassland",
        "loam",
        None,
        8.0,
    )
    assert (facts.canopy_height, facts.reference_height) == (0.5, 4.0)
    assert set(record.sources) == {
        "lwdown", "plant_class", "canopy_height", "reference_height", "soil", "clock", "pathway", "co2",
        "lai", "irrigation",
    }  # fmt: skip
    assert sorted(record.files) == ["XX-Tst_2001_Made_Flux.nc", "XX-Tst_2001_Made_Met.nc"]
    assert all(len(checksum) == 64 for checksum in record.files.values())
    assert [finding.level for finding in record.findings] == ["info"]
    assert Sites.of([record]).names == ("XX-Tst",)


def test_the_sun_shines_when_the_solar_radiation_says_so(tmp_path):
    record = read_site(pair(tmp_path))
    lit = record.forcing["shortwave_down"] > 1.0
    assert (record.forcing["cos_zenith"][lit] > 0.0).all()
    correlation = np.corrcoef(record.forcing["cos_zenith"], record.forcing["shortwave_down"])[0, 1]
    assert correlation > 0.8


def test_hourly_files_are_read(tmp_path):
    record = read_site(pair(tmp_path, clock(step=3600)))
    assert record.step == 3600.0 and len(record.time) == 1440 and record.usable.all()


def test_met_alone_gives_a_record_without_observations(tmp_path):
    met, _ = pair(tmp_path)
    assert not read_site([met]).observations


def test_quality_and_uncertainty_travel_with_the_flux(tmp_path):
    time = clock()
    met, series = weather(time), fluxes(weather(time))
    series["Qle"][5] = np.nan
    series["Qle"][6] = 5000.0
    flags = np.zeros(len(time))
    flags[7] = 1
    uncertainty = np.full(len(time), 12.0)
    uncertainty[3] = -4.0
    text = {"QC_flag_descriptions": "Measured: 0, Good-quality gapfilling: 1"}
    series |= {"Qle_uc": uncertainty, "Qle_cor": 1.2 * series["Qle"]}
    files = [
        write(tmp_path, "Met", time, met),
        write(tmp_path, "Flux", time, series, flags={"Qle": flags}, attributes=text),
    ]
    observations = read_site(files).observations
    latent = observations["Qle"]
    assert latent.quality[[4, 5, 6, 7]].tolist() == [MEASURED, MISSING, MISSING, FILLED]
    assert np.isnan(latent.value[[5, 6]]).all() and latent.usable[[4, 5, 6, 7]].tolist() == [
        True,
        False,
        False,
        False,
    ]
    assert (
        latent.uncertainty is not None and latent.uncertainty[4] == 12.0 and np.isnan(latent.uncertainty[3])
    )
    assert observations["Qh"].quality[0] == UNKNOWN and observations["Qh"].uncertainty is None
    assert observations["Qle_cor"].quality[7] == FILLED
    assert set(observations) == {"Qle", "Qh", "Rnet", "Qg", "Qle_cor"}


def test_gaps_are_filled_reported_and_masked(tmp_path):
    time = clock()
    series = weather(time)
    series["Wind"][100:104] = np.nan
    series["Tair"][480:530] = 400.0
    files = [write(tmp_path, "Met", time, series), write(tmp_path, "Flux", time, fluxes(series))]
    record = read_site(files)
    assert np.isfinite(record.forcing["wind_speed"]).all() and record.forcing["air_temperature"].max() < 300.0
    assert np.flatnonzero(~record.forcing_in_range).tolist() == [*range(100, 104), *range(480, 530)]
    assert np.flatnonzero(~record.usable).tolist() == list(range(480, 530 + 30 * 48))
    assert record.scored("Qle").sum() == 2880 - 4 - 50 - 30 * 48
    assert "interpolated: Wind 0.14 %" in messages(record, "gaps")
    assert "Tair 1.7 %" in messages(record, "gaps") and "% of the steps are masked" in messages(
        record, "gaps"
    )


def test_night_offsets_of_the_pyranometer_are_no_gaps(tmp_path):
    time = clock()
    series = weather(time)
    series["SWdown"] = np.where(series["SWdown"] == 0.0, -3.0, series["SWdown"])
    record = read_site([write(tmp_path, "Met", time, series)])
    assert record.forcing["shortwave_down"].min() == 0.0 and record.forcing_in_range.all()


def test_longwave_is_made_up_only_on_request_and_by_name(tmp_path):
    time = clock()
    series = weather(time)
    truth = series.pop("LWdown")
    met = write(tmp_path, "Met", time, series)
    with pytest.raises(
        ValueError, match="expected LWdown in a Met file, got none: choose a formula for it with --lwdown"
    ):
        read_site([met])
    for name in ("brutsaert", "crawford-duchon", "abramowitz"):
        record = read_site([met], SiteOptions(lwdown=name))
        assert record.sources["lwdown"].startswith(f"formula {name}: ")
        assert record.forcing["longwave_down"].mean() == pytest.approx(truth.mean(), abs=40.0)
    assert record.forcing_in_range.all()


def test_the_formula_is_not_used_where_there_is_longwave(tmp_path):
    record = read_site(pair(tmp_path), SiteOptions(lwdown="brutsaert"))
    assert record.sources["lwdown"] == "file"


def test_time_stamps_move_only_on_request(tmp_path):
    files = pair(tmp_path)
    plain, moved = read_site(files), read_site(files, SiteOptions(utc_offset=9.0))
    assert plain.time[0] == np.datetime64("2001-04-01T00:00:00") and plain.attributes.utc_offset == 8.0
    assert (moved.time - plain.time == np.timedelta64(3600, "s")).all() and moved.attributes.utc_offset == 9.0
    assert moved.forcing["cos_zenith"] == pytest.approx(plain.forcing["cos_zenith"], abs=2e-3)
    assert "shifted by +1 h" in messages(moved, "clock")


def test_without_a_sun_to_audit_by_the_clock_follows_file_then_longitude(tmp_path):
    time = clock(days=20)
    met = write(tmp_path, "Met", time, weather(time))
    record = read_site([met])
    assert record.attributes.utc_offset == 8.0 and record.sources["clock"].startswith("longitude")
    assert "the sun cannot tell" in messages(record, "clock")
    stated = write(tmp_path, "Met", time, weather(time), attributes={"time_convention": "UTC+7"})
    assert read_site([stated]).attributes.utc_offset == 7.0
    chosen = read_site([stated], SiteOptions(utc_offset=6.5))
    assert chosen.attributes.utc_offset == 6.5 and chosen.time[0] == time[0]


def test_a_clock_that_disagrees_with_its_file_or_longitude_is_reported(tmp_path):
    files = pair(tmp_path, attributes={"time_convention": "local standard time (UTC+5)"})
    assert "the file says UTC+5, the sun UTC+8: --utc-offset corrects" in messages(read_site(files), "clock")
    time = clock()
    far = write(tmp_path, "Met", time, weather(time, offset=4.0))
    assert "UTC+4 is far from UTC+8.0 of the longitude" in messages(read_site([far]), "clock")


def test_options_go_before_the_files(tmp_path):
    table = tmp_path / "lai.csv"
    table.write_text("date,lai\n2001-01-01,1.5\n")
    options = SiteOptions(
        soil="clay", plant_class="woodland", pathway="C3", canopy_height=9.0, reference_height=14.0,
        lai=table, irrigation="4.8@4-4",
    )  # fmt: skip
    record = read_site(pair(tmp_path), options)
    facts = record.attributes
    assert (facts.soil, facts.plant_class, facts.pathway) == ("clay", "woodland", "C3")
    assert (facts.canopy_height, facts.reference_height) == (9.0, 14.0)
    assert (record.forcing["leaf_area_index"] == 1.5).all() and record.sources["lai"] == "table lai.csv"
    assert record.forcing["water_input"][0] == pytest.approx(4.8 / 86400.0)
    assert record.forcing["water_input"][-1] == 0.0 and "4.8@4-4" in record.sources["irrigation"]


def test_missing_heights_and_class_take_stated_defaults(tmp_path):
    nothing = {"canopy_height": np.nan, "reference_height": np.nan}
    record = read_site(pair(tmp_path, scalars=nothing))
    assert (record.attributes.canopy_height, record.attributes.reference_height) == (1.0, 6.0)
    assert record.sources["canopy_height"] == "default of grassland (SiB2)"
    bare = pair(tmp_path, igbp="")
    with pytest.raises(ValueError, match="name the plant class with --class"):
        read_site(bare)
    record = read_site(bare, SiteOptions(plant_class="evergreen"))
    assert record.sources["lai"] == "climatology of IGBP class EBF (Niu et al. 2011)"


def test_a_forcing_that_no_file_has_is_refused(tmp_path):
    time = clock()
    series = weather(time)
    del series["Wind"]
    series["Psurf"] = np.full(len(time), np.nan)
    with pytest.raises(ValueError, match="got no Wind, Psurf: give Met files that have them"):
        read_site([write(tmp_path, "Met", time, series)])


def test_a_site_without_coordinates_is_refused(tmp_path):
    time = clock(days=3)
    met = write(tmp_path, "Met", time, weather(time), scalars={"latitude": np.nan})
    with pytest.raises(ValueError, match="expected a variable 'latitude', got none"):
        read_site([met])


def test_flux_files_without_a_flux_to_score_are_refused(tmp_path):
    time = clock(days=3)
    met = write(tmp_path, "Met", time, weather(time))
    radiation = write(tmp_path, "Flux", time, {"Rnet": np.ones(len(time))})
    with pytest.raises(ValueError, match="expected Qle or Qh in the Flux files, got Rnet"):
        read_site([met, radiation])
    empty = write(tmp_path, "Flux", time, {"Qle": np.full(len(time), np.nan)})
    with pytest.raises(ValueError, match="expected observations of Qle or Qh within the Met files, got none"):
        read_site([met, empty])


def test_missing_values_in_old_files_are_missing(tmp_path):
    time = clock(days=3)
    latent = np.ones(len(time))
    latent[4] = -9999.0
    files = [write(tmp_path, "Met", time, weather(time)), write(tmp_path, "Flux", time, {"Qle": latent})]
    assert np.isnan(read_site(files).observations["Qle"].value[4])


def test_units_of_fluxes_are_converted_or_refused(tmp_path):
    time = clock(days=3)
    met = write(tmp_path, "Met", time, weather(time))
    flux = write(tmp_path, "Flux", time, {"Qle": np.ones(len(time))}, units={**UNITS, "Qle": "mm/day"})
    with pytest.raises(ValueError, match="Qle: expected a unit of W/m2, got 'mm/day'"):
        read_site([met, flux])


@pytest.mark.parametrize("site", TOWERS)
def test_the_towers_of_the_results_are_read(shared_data, site):
    record = real_record(shared_data, site)
    assert record.attributes.name == site
    for name in FORCING_NAMES:
        assert np.isfinite(record.forcing[name]).all(), name
    inside = np.diff(record.time)[np.diff(record.segment) == 0]
    assert (inside == np.timedelta64(1800, "s")).all()
    assert record.scored("Qle").mean() > 0.5 and record.scored("Qh").mean() > 0.5


@pytest.mark.parametrize(
    ("site", "offset"),
    [("ES-ES2", 0.0), ("ID-Pag", 8.0), ("AU-ASM", 9.5), ("CN-Cng", 8.0), ("US-SRM", -7.0), ("FI-Hyy", 2.0)],
)
def test_clocks_of_real_towers(shared_data, site, offset):
    assert real_record(shared_data, site).attributes.utc_offset == offset


def test_the_two_pairs_of_hyytiala_are_one_record(shared_data):
    record = real_record(shared_data, "FI-Hyy")
    assert set(record.segment) == {0, 1} and len(record.time) == 17520 + 17568
    assert "spun up again" in messages(record, "time")


def test_alice_springs_has_units_that_lie(shared_data):
    record = real_record(shared_data, "AU-ASM")
    assert record.forcing["co2"].mean() == pytest.approx(380e-6, rel=0.03)
    found = messages(record, "units")
    assert (
        "CO2air says ppm and holds mg m-3" in found
        and "RH holds fractions" in found
        and "VPD holds kPa" in found
    )
    assert record.attributes.soil == "sandy_loam"
    assert set(record.observations) == {"Qle", "GPP", "Rnet"}


def test_humidity_of_maun_in_february_2001_is_a_gap(shared_data):
    record = real_record(shared_data, "BW-Ma1")
    february = record.time.astype("datetime64[M]") == np.datetime64("2001-02")
    assert not record.usable[february].any() and record.forcing_in_range[february].mean() < 0.1
    assert record.forcing["specific_humidity"][february].min() > 0.005


def test_ground_heat_of_the_rice_field_is_turned(shared_data):
    record = real_record(shared_data, "ES-ES2")
    noon = (record.time - record.time.astype("datetime64[D]").astype(record.time.dtype)) == np.timedelta64(
        43200, "s"
    )
    assert np.nanmean(record.observations["Qg"].value[noon]) > 20.0
    assert "opposite sign" in messages(record, "sign")


def test_towers_without_longwave_are_refused(shared_data):
    for site in ("US-Bi1", "US-Whs"):
        with pytest.raises(ValueError, match="--lwdown"):
            read_site(site_files(shared_data, site))


def test_both_met_files_of_changling_are_refused(shared_data):
    with pytest.raises(ValueError, match="expected Met files that follow each other"):
        read_site(sorted((shared_data / "plumber2").glob("CN-Cng_*.nc")))


def test_the_plain_met_file_of_changling_is_read_too(shared_data):
    folder = shared_data / "plumber2"
    names = ("CN-Cng_2008-2009_FLUXNET2015_Met.nc", "CN-Cng_2008-2009_FLUXNET2015_Flux.nc")
    record = read_site([folder / name for name in names])
    assert len(record.time) == 35088 and record.attributes.igbp == "GRA"
    assert record.sources["lai"].startswith("climatology") and record.attributes.reference_height == 6.0
