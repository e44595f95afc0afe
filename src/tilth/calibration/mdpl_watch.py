"""What is remembered of a generator's training: its best epoch, and parameters that it passed through."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from tilth.calibration.mdpl_loss import MdplLoss, MdplNetwork
from tilth.calibration.mdpl_windows import MdplSource
from tilth.networks.checkpoints import check_header, load_arrays, save_arrays

STAGES = 8
"""Epochs, evenly spaced in their logarithm, whose parameters are handed on: see :class:`Result`."""


class Watch:
    """The network with the least loss on what chooses, or the last one, and parameters of some epochs.

    Both lie beside the checkpoint, as ``*.best`` and ``*.passed``. ``thetas`` gives the parameters ``[site,
    param]`` that a network makes, and ``epochs`` is how many there will be.
    """

    def __init__(
        self,
        network: MdplNetwork,
        loss: MdplLoss,
        source: MdplSource,
        checkpoint: Path | None,
        header: dict[str, Any],
        *,
        thetas: Callable[[MdplNetwork], Float[np.ndarray, "site param"]],
        epochs: int,
        choosing: bool = True,
    ) -> None:
        watched = source.watched()
        self.batch = None if watched is None else jax.tree.map(jnp.asarray, watched)
        self.evaluate, self.thetas, self.header, self.choosing = loss.watched, thetas, header, choosing
        self.stages = np.unique(np.geomspace(1, epochs, STAGES).round().astype(int)).tolist()
        self.passed = np.full((len(self.stages), *thetas(network).shape), np.nan)
        self.network = jax.tree.map(lambda leaf: jnp.array(leaf), network)
        self.start = self.loss = self._measured(network)
        self.best_file = self.passed_file = None
        if checkpoint is not None:
            self.best_file = Path(checkpoint).with_suffix(".best")
            self.passed_file = Path(checkpoint).with_suffix(".passed")
            self._go_on(Path(checkpoint))

    def _go_on(self, checkpoint: Path) -> None:
        """From the files of an interrupted training, if there is one."""
        if checkpoint.exists() and self.best_file is not None and self.best_file.exists():
            self.loss = float(check_header(self.best_file, self.header)["loss"])
            self.network = load_arrays(self.best_file, self.network)
        if checkpoint.exists() and self.passed_file is not None and self.passed_file.exists():
            check_header(self.passed_file, self.header)
            self.passed = load_arrays(self.passed_file, self.passed)

    def __call__(self, network: MdplNetwork, epoch: int) -> float:
        """The loss on what chooses after an epoch; the first is number 1."""
        value = self._measured(network)
        if self._counts(value):
            self.loss = value
            self.network = jax.tree.map(lambda leaf: jnp.array(leaf), network)
            if self.best_file is not None:
                save_arrays(self.best_file, {**self.header, "loss": value}, self.network)
        if epoch in self.stages:
            self.passed[self.stages.index(epoch)] = self.thetas(network)
            if self.passed_file is not None:
                save_arrays(self.passed_file, self.header, self.passed)
        return value

    def _counts(self, value: float) -> bool:
        """Whether the network with that loss on what chooses takes the place of the one before."""
        if self.batch is None:
            return True
        return value < self.loss if self.choosing else bool(np.isfinite(value))

    def _measured(self, network: MdplNetwork) -> float:
        return float("nan") if self.batch is None else float(self.evaluate(network, self.batch))
