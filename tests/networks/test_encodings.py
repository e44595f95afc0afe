import numpy as np

from tilth.networks.encodings import day_of_year_encoding


def test_encoding_has_the_frequencies_of_the_paper() -> None:
    time = np.arange("2005-01-01", "2006-01-01", dtype="datetime64[D]").astype("datetime64[s]")
    encoding = day_of_year_encoding(time)
    assert encoding.shape == (365, 8)
    angle = 2.0 * np.pi * np.arange(1, 366) / 365.0
    np.testing.assert_allclose(encoding[:, 0], np.sin(angle), atol=1e-12)
    np.testing.assert_allclose(encoding[:, 7], np.cos(8.0 * angle), atol=1e-12)
    np.testing.assert_allclose(encoding.T @ encoding, np.eye(8) * 365 / 2, atol=1e-9)


def test_last_day_closes_the_circle_in_leap_years_too() -> None:
    ends = np.array(
        ["2004-12-31T23:30", "2005-12-31T00:00", "1900-12-31", "2000-12-31"], dtype="datetime64[s]"
    )
    np.testing.assert_allclose(day_of_year_encoding(ends, 1), [[0.0, 1.0]] * 4, atol=1e-12)
    march = np.array(["2004-03-01", "2005-03-01"], dtype="datetime64[s]")
    leap, common = day_of_year_encoding(march, 1)[:, 0]
    np.testing.assert_allclose([leap, common], np.sin([2 * np.pi * 61 / 366, 2 * np.pi * 60 / 365]))
