"""Tables of finished tower runs: scores before and after, against the lines of other models.

    python benchmarks/tower_results.py DIR... [--peers PEERS.csv] [--not-in-means SITE...]

``DIR`` are folders of `tilth calibrate`, or experiments with a folder ``sites``. Prints Markdown: half-hourly
RMSE, bias and R of Qle and Qh with n for the whole record and both parts, the 90 % interval of the gain from
7-day blocks, and RMSE of observed Rnet and Qg.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from tilth.evaluation.metrics import bias, correlation, rmse
from tilth.evaluation.peers import read_peer_scores
from tilth.evaluation.significance import block_bootstrap
from tilth.evaluation.simulation_file import Simulation, read_simulation

FLUXES = ("Qle", "Qh")
RUNS = ("default", "default_site", "calibrated")


def folders(paths: Iterable[Path]) -> list[Path]:
    """Folders that hold a simulation, those of experiments included."""
    found = []
    for path in paths:
        inside = sorted((path / "sites").glob("*/simulation.nc"))
        found += [file.parent for file in inside] if inside else [path]
    return found


def rows_of(folder: Path) -> list[dict[str, object]]:
    """One row for each flux and part of the record."""
    simulation = read_simulation(folder / "simulation.nc")
    method = folder.name.removeprefix(f"{simulation.site}-")
    parts = {"whole": np.ones(len(simulation.time), bool), **simulation.splits}
    rows = []
    for flux in FLUXES:
        for part, steps in parts.items():
            mask = simulation.scored[flux] & steps
            row: dict[str, object] = {"site": simulation.site, "method": method, "flux": flux, "part": part}
            row["n"] = int(mask.sum())
            for run in (run for run in RUNS if run in simulation.runs):
                series, observed = simulation.runs[run][flux], simulation.observed[flux]
                row[run] = round(rmse(series, observed, mask), 1)
                row[f"{run} bias"] = round(bias(series, observed, mask), 1)
                row[f"{run} R"] = round(correlation(series, observed, mask), 2)
            row.update(_gain(simulation, flux, mask))
            rows.append(row)
    return rows


def _gain(simulation: Simulation, flux: str, mask: np.ndarray) -> dict[str, str]:
    if "calibrated" not in simulation.runs:
        return {}
    compared = block_bootstrap(
        simulation.observed[flux],
        simulation.runs["default"][flux],
        simulation.runs["calibrated"][flux],
        simulation.time,
        mask,
    ).rmse
    low, high = compared.interval_90
    return {"gain (90 %)": f"{compared.estimate:+.1f} ({low:+.1f} to {high:+.1f})"}


def energy_rows(folder: Path) -> list[dict[str, object]]:
    """RMSE of observed Rnet and Qg by run and part."""
    simulation = read_simulation(folder / "simulation.nc")
    rows = []
    for flux in ("Rnet", "Qg"):
        if flux not in simulation.scored or not simulation.scored[flux].any():
            continue
        for part, steps in simulation.splits.items():
            mask = simulation.scored[flux] & steps
            row: dict[str, object] = {
                "site": simulation.site,
                "folder": folder.name,
                "flux": flux,
                "part": part,
            }
            for run in (run for run in RUNS if run in simulation.runs):
                row[run] = round(rmse(simulation.runs[run][flux], simulation.observed[flux], mask), 1)
            rows.append(row)
    return rows


def means(table: pd.DataFrame, left_out: set[str]) -> pd.DataFrame:
    """Mean RMSE over the sites that count, by method, flux and part."""
    counted = table[~table["site"].isin(left_out)]
    columns = [run for run in RUNS if run in table]
    grouped = counted.groupby(["method", "part", "flux"])
    return grouped[columns].mean().round(1).assign(sites=grouped["site"].nunique()).reset_index()


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(table.columns) + " |", "|---" * len(table.columns) + "|"]
    lines += ["| " + " | ".join("" if pd.isna(v) else str(v) for v in row) + " |" for row in table.to_numpy()]
    return "\n".join(lines)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--not-in-means", nargs="*", default=[])
    options = parser.parse_args()
    found = folders(options.folders)
    table = pd.DataFrame([row for folder in found for row in rows_of(folder)])
    print("Scores [W m-2]\n\n" + markdown(table))
    print("\nMeans [W m-2]\n\n" + markdown(means(table, set(options.not_in_means))))
    energy = [row for folder in found for row in energy_rows(folder)]
    print("\nRnet and Qg, RMSE [W m-2]\n\n" + markdown(pd.DataFrame(energy)))
    if options.peers:
        peers = read_peer_scores(options.peers)
        sites = dict.fromkeys(table["site"])
        parts = [peers.at(site).assign(site=site) for site in sites]
        lines = pd.concat(parts).assign(line=lambda t: t["basis"] + " " + t["peer"])
        wide = lines.pivot_table(index=["site", "variable"], columns="line", values="rmse").reset_index()
        print("\nOther models, RMSE [W m-2]\n\n" + markdown(wide))


if __name__ == "__main__":
    main()
