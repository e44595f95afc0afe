"""Figures of leave-one-site-out: gains at each site with intervals, and KGE within each calendar month."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilth.report.style import COLOURS, MARKERS, NARROW, OTHERS, new_figure, styled

RULE_WORDS = {
    "default": "default",
    "default_site": "defaults of the site",
    "class-mean": "mean of the class",
    "network": "network",
    "calibrated": "calibrated there",
}
"""Rules as readers see them, in order."""
RULE_COLOURS = {
    "default": COLOURS["default"],
    "default_site": COLOURS["default_site"],
    "class-mean": OTHERS[1],
    "network": OTHERS[0],
    "calibrated": COLOURS["calibrated"],
}
RULE_MARKERS = {**MARKERS, "class-mean": "D", "network": "v"}
PANELS = 3
"""Panels in a row."""


@styled
def gains_of_rules(rows: pd.DataFrame) -> Figure:
    """Gain over the default at each site with its 90 % interval, one marker a rule; rows of one variable."""
    sites = list(dict.fromkeys(rows["site"]))
    rules = [rule for rule in RULE_WORDS if rule != "default" and (rows["rule"] == rule).any()]
    figure, axes = new_figure((NARROW[0] + 0.8, 1.3 + 0.42 * len(sites)))
    for place, rule in enumerate(rules):
        own = rows[rows["rule"] == rule]
        height = np.array([sites.index(site) for site in own["site"]]) + 0.62 * (
            (place + 0.5) / len(rules) - 0.5
        )
        gain = 100.0 * own["gain"].to_numpy(float)
        low, high = (100.0 * own[name].to_numpy(float) for name in ("gain_low", "gain_high"))
        axes.hlines(height, low, high, color=RULE_COLOURS[rule], linewidth=1.6, alpha=0.6)
        axes.plot(
            gain, height, RULE_MARKERS[rule], color=RULE_COLOURS[rule], markersize=5, label=RULE_WORDS[rule]
        )
    axes.axvline(0.0, color="#444444", linewidth=1)
    names = dict(zip(rows["site"], rows["class"], strict=True))
    axes.set_yticks(range(len(sites)), [f"{site} ({names[site]})" for site in sites])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("ΔRMSE over the default [%]; right of zero is better")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@styled
def monthly_kge(rows: pd.DataFrame) -> Figure:
    """KGE within each calendar month, one panel a site and one line a rule; rows of one variable."""
    sites = list(dict.fromkeys(rows["site"]))
    lines = -(-len(sites) // PANELS)
    figure, axes = new_figure(
        (10.0, 0.6 + 1.9 * lines), lines, PANELS, sharex=True, sharey=True, squeeze=False
    )
    for panel, site in zip(axes.flat, sites, strict=False):
        own = rows[rows["site"] == site]
        for rule in RULE_WORDS:
            line = own[own["rule"] == rule].sort_values("month")
            if len(line):
                panel.plot(
                    line["month"], line["kge"], marker=RULE_MARKERS[rule], markersize=3.2,
                    color=RULE_COLOURS[rule], label=RULE_WORDS[rule],
                )  # fmt: skip
        warned = own[own["beta_warning"]].drop_duplicates("month")
        panel.plot(warned["month"], np.full(len(warned), -0.98), "x", color="#a63c00", markersize=5)
        panel.set_title(f"{site} ({own['class'].iloc[0]})")
        panel.set_ylim(-1.0, 1.0)
        panel.set_xlim(0.5, 12.5)
        panel.set_xticks([1, 4, 7, 10], ["Jan", "Apr", "Jul", "Oct"])
    for panel in axes.flat[len(sites) :]:
        panel.set_visible(False)
    for row in axes[:, 0]:
        row.set_ylabel("KGE [-]")
    handles = {
        label: handle
        for panel in axes.flat[: len(sites)]
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=4)
    return figure
