import dataclasses

import numpy as np

from helpers_models import small_record
from tilth.networks.encodings import day_of_year_encoding
from tilth.surrogates.antecedent import ANTECEDENT_NAMES
from tilth.surrogates.features import FORCING_FEATURES, Features


def test_features_are_normalised_over_the_sites_and_named() -> None:
    records = [small_record("a", 12, seed=1), small_record("b", 8, seed=2)]
    inputs = Features.of(records, antecedent=True, harmonics=4)
    assert inputs.names[:11] == FORCING_FEATURES
    assert inputs.names[11:-8] == ANTECEDENT_NAMES
    both = np.concatenate([inputs(r) for r in records])
    assert both.shape == (20 * 24, len(inputs.names))
    assert both.dtype == np.float32
    index = inputs.names.index("air_temperature")
    np.testing.assert_allclose([both[:, index].mean(), both[:, index].std()], [0.0, 1.0], atol=1e-4)
    np.testing.assert_allclose(inputs(records[1])[:, -8:], day_of_year_encoding(records[1].time), atol=1e-6)


def test_without_the_past_only_forcing_and_the_day_are_seen() -> None:
    inputs = Features.of([small_record()], antecedent=False, harmonics=2)
    assert len(inputs.names) == 11 + 4
    np.testing.assert_array_equal(inputs(small_record())[:, inputs.names.index("co2")], 0.0)


def test_facts_of_sites_enter_where_they_differ() -> None:
    record = small_record("a")
    crop = record.replace(
        attributes=dataclasses.replace(record.attributes, plant_class="cultivation", pathway="C3")
    )
    inputs = Features.of([record, crop], antecedent=False, harmonics=4)
    assert inputs.constants == ("stated_c3", "class_grassland", "class_cultivation")
    grass, crops = inputs(record)[0], inputs(crop)[0]
    np.testing.assert_allclose(grass[11:14], [-1.0, 1.0, -1.0], atol=1e-6)
    np.testing.assert_allclose(crops[11:14], [1.0, -1.0, 1.0], atol=1e-6)
