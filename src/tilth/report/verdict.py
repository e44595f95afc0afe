"""What a calibration gained, in numbers and in words that follow the intervals."""

import dataclasses

from tilth.evaluation.alma import alma_variable
from tilth.evaluation.metrics import correlation, rmse
from tilth.evaluation.significance import Comparison, block_bootstrap
from tilth.evaluation.simulation_file import SPLITS, Simulation
from tilth.report.contents import RunContents

TARGETS = ("Qle", "Qh")
"""The fluxes that headline scores are about."""
GUARDS = ("Rnet", "Qg")
"""Fluxes that a gain must not worsen."""
WORSENED = 0.10
"""A gain does not count where the RMSE of a guard rises by more than this share."""
SPLIT_WORDS = {"calibration": "calibration part", "heldout": "held-out part"}


@dataclasses.dataclass(frozen=True)
class Gain:
    """RMSE (unit of the variable) and correlation before and after, on one part of the record.

    ``comparison`` is None where the record is too short for a bootstrap.
    """

    variable: str
    split: str
    n: int
    rmse_before: float
    rmse_after: float
    r_before: float
    r_after: float
    comparison: Comparison | None

    @property
    def relative(self) -> float:
        """ΔRMSE = (default - calibrated) / default [-]."""
        return 1.0 - self.rmse_after / self.rmse_before

    @property
    def verdict(self) -> str:
        """better, worse, or not distinguishable, by the 90 % interval; unknown without one."""
        return "unknown" if self.comparison is None else self.comparison.rmse.verdict

    @property
    def sentence(self) -> str:
        """The gain in one sentence."""
        unit = alma_variable(self.variable).short
        change = f"{self.variable}: RMSE {self.rmse_before:.1f} → {self.rmse_after:.1f} {unit}"
        if self.comparison is None:
            return f"{change} (record too short for an interval)"
        low, high = (
            f"{100 * end:.0f}".replace("-", "−") for end in self.comparison.relative_rmse.interval_90
        )
        gain = f"{100 * self.relative:.0f}".replace("-", "−")
        return f"{change}, a gain of {gain} % (90 % interval {low} to {high} %)"


def gains(simulation: Simulation, variables: list[str]) -> list[Gain]:
    """Gains of the calibrated over the default run, by variable and part of the record."""
    found = []
    for variable in variables:
        observed = simulation.observed[variable]
        before, after = (simulation.runs[run][variable] for run in ("default", "calibrated"))
        for split in SPLITS:
            mask = simulation.scored[variable] & simulation.splits[split]
            if not mask.any():
                continue
            try:
                comparison = block_bootstrap(observed, before, after, simulation.time, mask)
            except ValueError:
                comparison = None
            found.append(
                Gain(
                    variable=variable,
                    split=split,
                    n=int(mask.sum()),
                    rmse_before=rmse(before, observed, mask),
                    rmse_after=rmse(after, observed, mask),
                    r_before=correlation(before, observed, mask),
                    r_after=correlation(after, observed, mask),
                    comparison=comparison,
                )
            )
    return found


def worsened_guards(found: list[Gain]) -> list[Gain]:
    """Those gains that worsen Rnet or Qg by more than a tenth."""
    return [gain for gain in found if gain.variable in GUARDS and gain.relative < -WORSENED]


def headline(contents: RunContents, found: list[Gain]) -> str:
    """The verdict on a calibration, in one or two sentences about the held-out part."""
    if not contents.calibrated:
        return _default_headline(contents)
    split = "heldout" if any(gain.split == "heldout" for gain in found) else "calibration"
    targets = [gain for gain in found if gain.variable in TARGETS and gain.split == split]
    if not targets:
        return "No half-hour with a measured flux: nothing can be judged"
    part = "on the part of the record it did not see" if split == "heldout" else "on the part it learned from"
    words = {
        "better": "lowers the error of",
        "worse": "raises the error of",
        "not distinguishable": "makes no distinguishable difference to",
        "unknown": "cannot be judged for",
    }
    clauses = [
        f"{phrase} {' and '.join(gain.variable for gain in targets if gain.verdict == verdict)}"
        for verdict, phrase in words.items()
        if any(gain.verdict == verdict for gain in targets)
    ]
    sentence = f"Calibration {', but '.join(clauses)} {part}."
    guards = worsened_guards([gain for gain in found if gain.split == split])
    if guards and any(gain.verdict == "better" for gain in targets):
        listed = " and ".join(f"{gain.variable} (RMSE {-100 * gain.relative:+.0f} %)" for gain in guards)
        sentence += f" The gain does not count: it worsens {listed}."
    return sentence


def _default_headline(contents: RunContents) -> str:
    """Scores of the default run over the whole record, in one sentence."""
    simulation = contents.simulation
    default = simulation.runs["default"]
    scores = [
        f"{rmse(default[name], simulation.observed[name], simulation.scored[name]):.1f} "
        f"{alma_variable(name).short} for {name}"
        for name in contents.observed_variables(TARGETS)
    ]
    if not scores:
        return "Default parameters, nothing calibrated, no measured flux to compare with"
    return f"Default parameters, nothing calibrated: RMSE {' and '.join(scores)} over the whole record."
