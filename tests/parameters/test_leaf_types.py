"""The table of plant functional types."""

import pytest

from tilth.parameters.leaf_types import leaf_types, named_leaf_types


def test_the_nine_types_of_the_paper_have_their_published_values():
    published = {
        "crop R": 100.7,
        "NET boreal": 62.6,
        "BET tropical": 55.0,
        "NET temperate": 62.5,
        "BET temperate": 61.5,
        "BDT temperate": 57.7,
        "C3 grass": 78.2,
        "BDS temperate": 54.0,
        "C4 grass": 51.6,
    }
    table = leaf_types()
    assert {name: table[name].carboxylation25 for name in published} == published
    assert all(table[name].elsewhere["AVIM"] > 0 for name in published)


def test_every_type_is_physical():
    for kind in leaf_types().values():
        assert kind.closed_potential < kind.open_potential < 0
        assert kind.intercept == (40000.0 if kind.pathway == "C4" else 10000.0)
        assert kind.pathway == ("C4" if kind.name == "C4 grass" else "C3")


def test_names_may_have_any_capitals():
    assert named_leaf_types(["Crop R", "net Boreal"])[0].name == "crop R"


def test_unknown_types_are_named():
    with pytest.raises(ValueError, match=r"\['lichen'\] are not in the table"):
        named_leaf_types(["lichen", "C3 grass"])
