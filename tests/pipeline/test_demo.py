import pandas as pd

from tilth.pipeline.demo import METHODS, _score_lines


def test_score_lines_leave_out_regressions():
    rows = [
        dict(
            site="SY", method=method, variable="Qle", run=run, split="heldout", resolution="native",
            target="raw", rmse=error, n=10,
        )
        for method, run, error in (
            ("direct", "default", 20.0), ("direct", "calibrated", 10.0), ("mdpl", "default", 20.0),
            ("mdpl", "calibrated", 12.0), ("3km27", "calibrated", 9.0),
        )
    ]  # fmt: skip
    lines = _score_lines(pd.DataFrame(rows))
    assert len(lines) == 1 + len(METHODS)
    assert "20.0" in lines[1] and "10.0" in lines[1] and "12.0" in lines[2]
