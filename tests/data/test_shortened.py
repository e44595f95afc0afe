import numpy as np

from helpers_models import small_record
from tilth.data.containers import MEASURED, Observation
from tilth.data.shortened import first_years


def test_the_first_years_of_the_longest_stretch_are_kept():
    record = small_record(days=20)
    segment = (np.arange(480) >= 120).astype(int)
    qle = record.observations["Qle"]
    uncertain = Observation(qle.value, np.full(480, MEASURED), 0.1 * qle.value)
    part = first_years(record.replace(segment=segment, observations={"Qle": uncertain}), 5 / 365)
    assert len(part.time) == 120 and part.time[0] == record.time[120]
    for series in (*part.forcing.values(), part.forcing_in_range, part.usable, part.segment):
        assert len(series) == 120
    np.testing.assert_array_equal(part.observations["Qle"].value, qle.value[120:240])
    np.testing.assert_array_equal(part.observations["Qle"].uncertainty, 0.1 * qle.value[120:240])
    assert part.scored("Qle").all() and len(np.unique(part.segment)) == 1


def test_a_shorter_record_is_kept_whole():
    record = small_record(days=20)
    assert len(first_years(record, 1.0).time) == 480
