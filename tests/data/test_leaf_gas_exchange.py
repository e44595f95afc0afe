"""The reader of leaf gas-exchange tables: units, columns, types, soil, and what it says of bad ones."""

import numpy as np
import pandas as pd
import pytest

from tilth.data.leaf_gas_exchange import read_leaf_table
from tilth.data.leaf_layout import Column, LeafLayout
from tilth.data.leaf_points import LeafPoints


def rows(count=6, **changes):
    grid = np.linspace(0.0, 1.0, count)
    return pd.DataFrame(
        {
            "Site": ["Hill"] * (count // 2) + ["Dale"] * (count - count // 2),
            "Date": [f"5/{day}/2010" for day in range(1, count + 1)],
            "PFT": ["C3 grass"] * (count - 1) + ["C4 grass"],
            "Tleaf": 20.0 + 10.0 * grid,
            "PARin": 300.0 + 1500.0 * grid,
            "Patm": 95.0 + 5.0 * grid,
            "VPD": 0.8 + grid,
            "Photo": 5.0 + 10.0 * grid,
            "sand": 30.0 + 30.0 * grid,
            "clay": 15.0 + 20.0 * grid,
            "OM": 0.02 + 0.05 * grid,
            "SM": 0.15 + 0.2 * grid,
        }
        | changes
    )


COLUMNS = {
    "leaf_temperature": Column("Tleaf", "degC"),
    "light": Column("PARin", "umol m-2 s-1"),
    "pressure": Column("Patm", "kPa"),
    "vapour_pressure_deficit": Column("VPD", "kPa"),
    "net_photosynthesis": Column("Photo", "umol m-2 s-1"),
    "sand": Column("sand", "percent"),
    "clay": Column("clay", "percent"),
    "organic_matter": Column("OM", "fraction"),
    "soil_moisture": Column("SM", "fraction"),
}


def layout(columns=None, **changes):
    settings = {
        "columns": COLUMNS | (columns or {}),
        "labels": {"location": "Site", "date": "Date"},
        "type_columns": ("PFT",),
        "date_format": "%m/%d/%Y",
    }
    return LeafLayout(**(settings | changes))


def read(folder, frame=None, **changes):
    path = folder / "leaves.csv"
    (rows() if frame is None else frame).to_csv(path, index=False)
    return read_leaf_table([path], layout(**changes))


def test_a_table_is_read_in_si(tmp_path):
    table = read(tmp_path)
    assert len(table) == 6
    np.testing.assert_allclose(table.surroundings["temperature"][0], 293.15)
    np.testing.assert_allclose(table.surroundings["pressure"][0], 95000.0)
    np.testing.assert_allclose(table.surroundings["deficit"][0], 800.0)
    np.testing.assert_allclose(table.surroundings["co2"], 390e-6 * table.surroundings["pressure"])
    assert table.date[0] == np.datetime64("2010-05-01")
    assert [kind.name for kind in table.types] == ["C3 grass", "C4 grass"]
    assert any("390 ppm" in note for note in table.notes)
    points = LeafPoints.of(table)
    assert points.count == 6
    assert points.is_c4.tolist() == [False] * 5 + [True]
    # B6 and B8 by hand for 30 % sand and 2 % organic matter.
    saturation = 0.98 * (0.489 - 0.00126 * 30.0) + 0.9 * 0.02
    np.testing.assert_allclose(float(points.wetness[0, 0]), 0.15 / saturation, rtol=1e-12)


def test_other_units_give_the_same_numbers(tmp_path):
    plain = read(tmp_path)
    frame = rows()
    frame = frame.assign(
        Tleaf=frame["Tleaf"] + 273.15,
        Patm=frame["Patm"] * 1000,
        VPD=frame["VPD"] * 10,
        sand=frame["sand"] / 100,
    )
    columns = {
        "leaf_temperature": Column("Tleaf", "K"),
        "pressure": Column("Patm", "Pa"),
        "vapour_pressure_deficit": Column("VPD", "hPa"),
        "sand": Column("sand", "fraction"),
    }
    other = read(tmp_path, frame, columns=columns)
    for name, series in plain.surroundings.items():
        np.testing.assert_allclose(other.surroundings[name], series, rtol=1e-12)
    np.testing.assert_allclose(other.default_potential, plain.default_potential, rtol=1e-12)


def test_relative_humidity_and_ppm(tmp_path):
    frame = rows().assign(RH=50.0, CO2=400.0)
    columns = {k: v for k, v in COLUMNS.items() if k != "vapour_pressure_deficit"}
    columns |= {"relative_humidity": Column("RH", "percent"), "co2": Column("CO2", "ppm")}
    path = tmp_path / "humid.csv"
    frame.to_csv(path, index=False)
    table = read_leaf_table([path], layout().__class__(**{**layout().__dict__, "columns": columns}))
    # Bolton at 20 degC: 2337 Pa, to four digits.
    np.testing.assert_allclose(table.surroundings["deficit"][0], 0.5 * 2337.0, rtol=1e-3)
    np.testing.assert_allclose(table.surroundings["co2"][0], 400e-6 * 95000.0)


def test_boundary_layer_from_column_wind_or_default(tmp_path):
    frame = rows().assign(gb=[3.0, np.nan, np.nan, 3.0, 3.0, 3.0], u=[0.0, 0.0, 2.0, 0.0, 0.0, 0.0])
    columns = {
        "boundary_conductance": Column("gb", "mol m-2 s-1"),
        "wind_speed": Column("u", "m s-1"),
    }
    table = read(tmp_path, frame, columns=columns, boundary_conductance=4.0)
    boundary = table.surroundings["boundary"]
    np.testing.assert_allclose(boundary[:2], [3e6, 4e6])
    expected = 1e6 * table.surroundings["pressure"][2] / (8.314462618 * table.surroundings["temperature"][2])
    np.testing.assert_allclose(boundary[2], expected * 0.01 * np.sqrt(2.0 / 0.04), rtol=1e-9)
    assert any("from wind" in note for note in table.notes)
    assert any("taken as 4 mol" in note for note in table.notes)


def test_pairs_of_files_with_units_and_constants(tmp_path):
    drivers = rows()[["Tleaf", "PARin", "Patm", "VPD"]].assign(
        year=2001, doy=range(100, 106), Ps=-1.0, Psie=[-0.0012] + [np.nan] * 5, bch=[7.0] + [np.nan] * 5
    )
    measured = rows()[["Photo"]]
    for name, frame in {"Hill_Quercus_ilex_x.csv": drivers, "Hill_Quercus_ilex_y.csv": measured}.items():
        units = pd.DataFrame([["[-]"] * frame.shape[1]], columns=frame.columns)
        pd.concat([units, frame.astype(object)]).to_csv(tmp_path / name, index=False)
    columns = {k: COLUMNS[k] for k in list(COLUMNS)[:5]} | {
        "soil_water_potential": Column("Ps", "MPa"),
        "air_entry_potential": Column("Psie", "MPa"),
        "retention_exponent": Column("bch", "1"),
    }
    settings = LeafLayout(
        columns=columns,
        labels={"location": "place", "species": "species", "year": "year", "day_of_year": "doy"},
        type_columns=("species",),
        plant_types={"Quercus_ilex": "BET temperate"},
        file_name=r"(?P<place>[^_]+)_(?P<species>.+)_x\.csv",
        pair=("_x.csv", "_y.csv"),
        unit_row=True,
        constants_in_first_row=True,
    )
    table = read_leaf_table([tmp_path / "Hill_Quercus_ilex_x.csv"], settings)
    assert len(table) == 6
    assert set(table.location) == {"Hill"}
    assert table.date[0] == np.datetime64("2001-04-10")
    np.testing.assert_allclose(table.wetness[:, 0], (1.0 / 0.0012) ** (-1 / 7.0), rtol=1e-12)
    # The default form gives back the measured potential, in millimetres of water.
    np.testing.assert_allclose(table.default_potential[:, 0], -1e6 / 9.80665, rtol=1e-9)
    (tmp_path / "Hill_Quercus_ilex_y.csv").unlink()
    with pytest.raises(ValueError, match=r"no partner Hill_Quercus_ilex_y\.csv"):
        read_leaf_table([tmp_path / "Hill_Quercus_ilex_x.csv"], settings)


def test_pairs_of_different_length_are_refused(tmp_path):
    rows().to_csv(tmp_path / "a_x.csv", index=False)
    rows().iloc[:4].to_csv(tmp_path / "a_y.csv", index=False)
    with pytest.raises(ValueError, match=r"6 rows and a_y\.csv 4"):
        read_leaf_table([tmp_path / "a_x.csv"], layout(pair=("_x.csv", "_y.csv")))


def test_a_file_name_that_does_not_match_is_refused(tmp_path):
    with pytest.raises(ValueError, match="does not match the pattern"):
        read(tmp_path, file_name=r"(?P<place>\w+)_x\.csv")


def test_no_file_is_refused():
    with pytest.raises(ValueError, match="no leaf table found"):
        read_leaf_table([], layout())


def test_missing_columns_are_listed_at_once(tmp_path):
    with pytest.raises(ValueError, match=r"no columns \['Patm', 'VPD'\]"):
        read(tmp_path, rows().drop(columns=["Patm", "VPD"]))


def test_missing_quantities_are_listed_at_once(tmp_path):
    path = tmp_path / "leaves.csv"
    rows().to_csv(path, index=False)
    settings = LeafLayout(**{**layout().__dict__, "columns": {"light": COLUMNS["light"]}})
    with pytest.raises(
        ValueError, match="'leaf_temperature', 'pressure', 'vapour_pressure_deficit or relative"
    ):
        read_leaf_table([path], settings)


def test_unknown_quantities_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"unknown quantities \['mood'\]"):
        read(tmp_path, columns={"mood": Column("Tleaf", "degC")})


@pytest.mark.parametrize(
    ("quantity", "column", "message"),
    [
        ("pressure", Column("Patm", "Pa"), "pressure .*would fit as kPa"),
        ("vapour_pressure_deficit", Column("VPD", "Pa"), "deficit .*would fit as hPa or kPa"),
        ("sand", Column("OM", "percent"), "sand .*would fit as fraction"),
        ("leaf_temperature", Column("Tleaf", "K"), "leaf_temperature .*would fit as degC"),
        ("light", Column("PARin", "mol m-2 s-1"), "light .*would fit as umol"),
        ("pressure", Column("Patm", "bar"), "unknown unit 'bar', expected one of"),
        ("light", Column("PFT", "umol m-2 s-1"), "could not convert"),
    ],
)
def test_wrong_units_are_named(tmp_path, quantity, column, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, columns={quantity: column})


def test_all_wrong_units_are_named_at_once(tmp_path):
    wrong = {"pressure": Column("Patm", "Pa"), "leaf_temperature": Column("Tleaf", "K")}
    with pytest.raises(ValueError, match=r"pressure .*leaf_temperature|leaf_temperature .*pressure"):
        read(tmp_path, columns=wrong)


def test_unknown_types_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"\['moss'\] are not in the table"):
        read(tmp_path, rows().assign(PFT="moss"))
    with pytest.raises(ValueError, match=r"no plant type for \['C4 grass'\]"):
        read(tmp_path, plant_types={"C3 grass": "C3 grass"})


def test_other_types_can_be_left_out(tmp_path):
    table = read(tmp_path, plant_types={"C3 grass": "C3 grass"}, omit_other_types=True)
    assert [kind.name for kind in table.types] == ["C3 grass"]
    with pytest.raises(ValueError, match="no row has a plant type"):
        read(tmp_path, plant_types={"moss": "C3 grass"}, omit_other_types=True)


def test_dates_must_be_there_and_readable(tmp_path):
    with pytest.raises(ValueError, match="no dates: expected"):
        read(tmp_path, labels={"location": "Site"})
    with pytest.raises(ValueError, match="cannot be read with the format '%Y-%m-%d'"):
        read(tmp_path, date_format="%Y-%m-%d")


def test_soil_in_part_is_refused(tmp_path):
    path = tmp_path / "leaves.csv"
    rows().to_csv(path, index=False)
    for dropped, message in (("clay", "soil is given in part only"), ("soil_moisture", "in part only")):
        columns = {k: v for k, v in COLUMNS.items() if k != dropped}
        with pytest.raises(ValueError, match=message):
            read_leaf_table([path], LeafLayout(**{**layout().__dict__, "columns": columns}))
    hydraulic = {k: COLUMNS[k] for k in list(COLUMNS)[:5]} | {"retention_exponent": Column("Tleaf", "1")}
    frame = rows().assign(Tleaf=np.linspace(18.0, 22.0, 6))
    frame.to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"in part only \(\['retention_exponent'\]\)"):
        read_leaf_table([path], LeafLayout(**{**layout().__dict__, "columns": hydraulic}))


def test_five_layers_get_the_roots_of_the_type_and_three_need_columns(tmp_path):
    frame = rows()
    for layer in range(5):
        frame = frame.assign(
            **{f"sand{layer}": 40.0, f"clay{layer}": 20.0, f"OM{layer}": 0.02, f"SM{layer}": 0.2}
        )

    def soil(layers):
        return {
            "sand": Column(tuple(f"sand{i}" for i in range(layers)), "percent"),
            "clay": Column(tuple(f"clay{i}" for i in range(layers)), "percent"),
            "organic_matter": Column(tuple(f"OM{i}" for i in range(layers)), "fraction"),
            "soil_moisture": Column(tuple(f"SM{i}" for i in range(layers)), "fraction"),
        }

    table = read(tmp_path, frame, columns=soil(5))
    assert table.root_fraction.shape == (6, 5)
    np.testing.assert_allclose(table.root_fraction.sum(axis=1), 1.0)
    with pytest.raises(ValueError, match="3 soil layers and no root fractions"):
        read(tmp_path, frame, columns=soil(3))
    with pytest.raises(ValueError, match="different numbers of layers"):
        read(tmp_path, frame, columns=soil(5) | {"sand": Column("sand", "percent")})


def test_gaps_are_left_out_and_counted(tmp_path):
    frame = rows()
    frame.loc[2, "Tleaf"] = -9999.0
    table = read(tmp_path, frame, missing=-9999.0)
    assert len(table) == 5
    assert any("1 of 6 rows left out" in note for note in table.notes)
    with pytest.raises(ValueError, match="check the column, and `missing`"):
        read(tmp_path, frame)
    with pytest.raises(ValueError, match="no row has all drivers"):
        read(tmp_path, rows().assign(Photo=np.nan))
