import numpy as np
import pytest

from tilth.data.containers import FILLED, MEASURED, MISSING, UNKNOWN
from tilth.data.quality import class_of_label, quality_classes

PLUMBER2 = (
    "Measured: 0, Good-quality gapfilling: 1, Medium-quality gapfilling: 2, Poor-quality gapfilling: 3, "
    "ERA-Interim gapfilling: 4, Statistical gapfilling: 5, Post-processed: 101"
)
OZFLUX = (
    "Measured: 0, QA/QC: L2 Range Check: 2, QA/QC: CSAT Diagnostic: 3, "
    "QA/QC: Missing value found with QC flag = 0: 8, "
    "Corrections/Combinations: Coordinate Rotation (Ux, UxUz): 11, Corrections/Combinations: u* filter: 18, "
    "GapFilling: Driver gap filled using ACCESS: 20, GapFilling: Flux gap not filled by ANN: 31, "
    "GapFilling: Gap filled by climatology: 40, GapFilling: Gap filled by interpolation: 50, "
    "Post-processed: 101"
)
PALS = "0 = PALS/fluxdata qcOK 1 (ok); 1 = PALS qc 0 (not ok / gap-filled, method unknown)"
FLUXNET = (
    "FLUXNET2015: 0 measured, 1 good gap-fill, 2 medium (for met: ERA-downscaled), 3 poor; TA_F had no QC"
)
OPEN = "0 measured, 1.. gap-filled (LE_qc, H_qc, NEE_qc); met has no QC in the source"


@pytest.mark.parametrize(
    ("description", "flags", "expected"),
    [
        (PLUMBER2, [0, 1, 2, 3, 4, 5, 101], [MEASURED, FILLED, FILLED, FILLED, FILLED, FILLED, UNKNOWN]),
        (
            OZFLUX,
            [0, 10, 20, 40, 50, 101, 2, 11, 18, 31, 8],
            [
                MEASURED,
                MEASURED,
                FILLED,
                FILLED,
                FILLED,
                UNKNOWN,
                MISSING,
                MEASURED,
                MISSING,
                MISSING,
                MISSING,
            ],
        ),
        (PALS, [0, 1, 7], [MEASURED, FILLED, UNKNOWN]),
        (FLUXNET, [0, 1, 2, 3], [MEASURED, FILLED, FILLED, FILLED]),
        (OPEN, [0, 1, 2, 9], [MEASURED, FILLED, FILLED, FILLED]),
        ("", [0, 1], [UNKNOWN, UNKNOWN]),
    ],
)
def test_codes_are_read_from_the_files_own_description(description, flags, expected):
    classes = quality_classes(np.ones(len(flags)), np.array(flags, dtype=float), description)
    assert classes.tolist() == expected


def test_missing_values_are_missing_whatever_their_flag():
    values = np.array([1.0, np.nan, 2.0])
    assert quality_classes(values, np.zeros(3), PLUMBER2).tolist() == [MEASURED, MISSING, MEASURED]
    assert quality_classes(values, None, PLUMBER2).tolist() == [UNKNOWN, MISSING, UNKNOWN]
    assert quality_classes(values, np.array([np.nan, 0.0, 0.0]), PLUMBER2).tolist() == [
        UNKNOWN,
        MISSING,
        MEASURED,
    ]


def test_a_label_that_says_nothing_is_unknown():
    assert class_of_label("partitioning by day") == UNKNOWN
