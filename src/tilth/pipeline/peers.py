"""Scores of other models that the user gives, on their way into the folders of runs."""

import dataclasses
from pathlib import Path

from tilth.config import Experiment
from tilth.evaluation.peers import PeerScores, read_peer_scores
from tilth.pipeline.outcome import Outcome
from tilth.report.contents import PEER_COLUMNS


def peer_scores(experiment: Experiment, root: Path | None) -> PeerScores | None:
    """The peer scores of an experiment, None where it names none; ``ValueError`` for a wrong table."""
    if experiment.peers is None:
        return None
    return read_peer_scores(experiment.peers if root is None else root / experiment.peers)


def with_peers(outcome: Outcome, peers: PeerScores | None) -> Outcome:
    """The outcome with the rows of its site as the table ``peers``, where there are any."""
    if peers is None:
        return outcome
    rows = peers.at(outcome.record.attributes.name)[list(PEER_COLUMNS)]
    return dataclasses.replace(outcome, tables={**outcome.tables, "peers": rows}) if len(rows) else outcome
