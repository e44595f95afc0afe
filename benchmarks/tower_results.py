"""Tables of finished tower runs: scores before and after, against the lines of other models.

    python benchmarks/tower_results.py DIR... [--peers PEERS.csv] [--not-in-means SITE...]

``DIR`` are folders of `tilth calibrate`, or experiments, of which an interrupted one has what it finished;
the methods of a site stand side by side. Prints Markdown, as in docs/results.md: half-hourly RMSE (bias, R)
of Qle and Qh with n for the whole record and both parts, the gain over default with its 90 % interval from
7-day blocks, means over sites of RMSE and of the relative gain, and RMSE of observed Rnet and Qg, those that
end a gain in bold.
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
from tilth.report.contents import finished_folders, site_folders
from tilth.report.verdict import GUARDS, TARGETS, WORSENED

DEFAULTS = {"default": "default", "site": "default_site"}
PARTS = {"whole": "Whole record", "calibration": "Calibration part", "heldout": "Held-out part"}
BASES = {"whole": "whole record", "calibration": "", "heldout": "held-out part"}
PEERS = {"noahmp default": "Noah-MP", "jules": "JULES", "ecland": "ecLand", "3km27": "3km27", "lstm": "LSTM"}


def folders(paths: Iterable[Path]) -> list[Path]:
    """Folders that hold a simulation, those of experiments included."""
    found = []
    for path in paths:
        found += site_folders(path) or finished_folders(path) or [path]
    return found


def simulations(found: list[Path]) -> dict[str, dict[str, Simulation]]:
    """Simulations by site and method."""
    by_site: dict[str, dict[str, Simulation]] = {}
    for folder in found:
        simulation = read_simulation(folder / "simulation.nc")
        method = folder.name.removeprefix(f"{simulation.site}-")
        by_site.setdefault(simulation.site, {})[method] = simulation
    return by_site


def series(runs: dict[str, Simulation], flux: str) -> dict[str, np.ndarray]:
    """Simulated series of a site by column of the tables: the defaults, then what methods learned."""
    first = next(iter(runs.values()))
    found = {name: first.runs[run][flux] for name, run in DEFAULTS.items() if run in first.runs}
    learned = {method: s.runs["calibrated"][flux] for method, s in runs.items() if "calibrated" in s.runs}
    return found | learned


def score_rows(
    site: str, runs: dict[str, Simulation], part: str
) -> tuple[list[dict[str, str]], list[dict[str, object]]]:
    """Rows of the table of a part of the record, and their RMSE as numbers."""
    rows, numbers = [], []
    first = next(iter(runs.values()))
    for flux in TARGETS:
        mask = first.scored[flux] & first.splits.get(part, np.ones(len(first.time), bool))
        observed, simulated = first.observed[flux], series(runs, flux)
        row = {"tower": site, "flux": flux, "n": str(int(mask.sum()))}
        number: dict[str, object] = {"tower": site, "flux": flux}
        for name, values in simulated.items():
            number[name] = rmse(values, observed, mask)
            off, r = bias(values, observed, mask), correlation(values, observed, mask)
            row[name] = f"{number[name]:.1f} ({off:+.1f}, {r:.2f})"
        for name in (name for name in runs if name in simulated and part != "whole"):
            gain = block_bootstrap(observed, simulated["default"], simulated[name], first.time, mask).rmse
            low, high = gain.interval_90
            row[f"Δ {name} (90 %)"] = f"{gain.estimate:+.1f} ({low:+.1f} to {high:+.1f})"
        rows.append(row)
        numbers.append(number)
    return rows, numbers


def energy_rows(site: str, runs: dict[str, Simulation]) -> list[dict[str, str]]:
    """RMSE of observed Rnet and Qg by run and part."""
    rows = []
    first = next(iter(runs.values()))
    for flux in (name for name in GUARDS if name in first.scored and first.scored[name].any()):
        for part, steps in first.splits.items():
            mask = first.scored[flux] & steps
            errors = {n: rmse(v, first.observed[flux], mask) for n, v in series(runs, flux).items()}
            limit = (1.0 + WORSENED) * errors["default"]
            told = {n: f"**{e:.1f}**" if e > limit and n in runs else f"{e:.1f}" for n, e in errors.items()}
            rows.append({"tower": site, "flux": flux, "part": part, **told})
    return rows


def mean_rows(numbers: pd.DataFrame, methods: list[str]) -> list[dict[str, str]]:
    """Means over the sites of RMSE and, for each method, of the gain as a share of default."""
    rows = []
    for flux in TARGETS:
        of_flux = numbers[numbers["flux"] == flux].drop(columns=["tower", "flux"])
        means = {name: f"{value:.1f}" for name, value in of_flux.mean().items()}
        rows.append({"tower": f"mean of {len(of_flux)}", "flux": flux, **means})
        shares = {
            name: f"{100 * (1 - of_flux[name] / of_flux['default']).mean():.0f} %"
            for name in methods
            if name in of_flux
        }
        rows.append({"tower": "mean of (default − calibrated) / default", "flux": flux, **shares})
    return rows


def peer_columns(path: Path, sites: Iterable[str], part: str) -> dict[tuple[str, str], dict[str, float]]:
    """RMSE of other models by site and flux."""
    peers = read_peer_scores(path)
    found: dict[tuple[str, str], dict[str, float]] = {}
    for site in sites:
        lines = peers.at(site)
        for line in lines[lines["basis"] == BASES[part]].to_dict("records"):
            if line["peer"] in PEERS:
                found.setdefault((site, line["variable"]), {})[PEERS[line["peer"]]] = line["rmse"]
    return found


def markdown(rows: list[dict[str, str]]) -> str:
    """A Markdown table."""
    table = pd.DataFrame(rows).fillna("")
    lines = ["| " + " | ".join(table.columns) + " |", "|---" * len(table.columns) + "|"]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in table.to_numpy()]
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
    by_site = simulations(folders(options.folders))
    for part, title in PARTS.items():
        peers = peer_columns(options.peers, by_site, part) if options.peers else {}
        rows, numbers = [], []
        for site, runs in by_site.items():
            own, rmses = score_rows(site, runs, part)
            others = [peers.get((site, row["flux"]), {}) for row in own]
            rows += [row | {n: f"{v:.1f}" for n, v in o.items()} for row, o in zip(own, others, strict=True)]
            numbers += [number | o for number, o in zip(rmses, others, strict=True)]
        table = pd.DataFrame([number for number in numbers if number["tower"] not in options.not_in_means])
        methods = list(dict.fromkeys(method for runs in by_site.values() for method in runs))
        means = mean_rows(table, methods) if len(table) else []
        print(f"**{title}**: RMSE (bias, R) [W m-2]\n\n{markdown(rows + means)}\n")
    energy = [row for site, runs in by_site.items() for row in energy_rows(site, runs)]
    if energy:
        print(f"**Observed Rnet and Qg**: RMSE [W m-2]\n\n{markdown(energy)}")


if __name__ == "__main__":
    main()
