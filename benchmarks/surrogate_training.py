"""Windows per second of training surrogates, beside PyTorch with the same network, batch and CPU cores.

    python benchmarks/surrogate_training.py [--preset quick paper] [--network multitask single-task]
                                            [--cores 2] [--rounds 5] [--without-torch]

One step is a loss, its gradient, clipping and an Adam update of one batch of windows; random data, since the
cost does not depend on what is learnt. Both libraries take turns of as many steps as the package makes in one
call, in one process that is bound to the first ``--cores`` cores, and the best of ``--rounds`` counts. Wall
time is what a user waits; CPU time is less disturbed by what else the machine does. PyTorch is needed for the
comparison only (it is no dependency: ``pip install torch``), its network is made of ``torch.nn.LSTM`` and
``torch.nn.Linear``; the few weights more are its second bias of each gate.
"""

import argparse
import contextlib
import os
import time
from collections.abc import Callable


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=("quick", "paper"), nargs="*", default=["quick", "paper"])
    parser.add_argument(
        "--network", choices=("multitask", "single-task"), nargs="*", default=["multitask", "single-task"]
    )
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-torch", action="store_true")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    print("preset network     library  weights  batch  compile [s]  windows [s-1]  windows [CPU s-1]")
    for preset in options.preset:
        for network in options.network:
            compare(preset, network, options)


def compare(preset: str, network: str, options: argparse.Namespace) -> None:
    """Prints a line for each library and their ratio."""
    from tilth.networks.training import STEPS_A_CALL
    from tilth.parameters.tables import CALIBRATED
    from tilth.surrogates.features import feature_count
    from tilth.surrogates.settings import PRESETS, SINGLE_TASK, single_task

    settings = PRESETS[preset]
    if network == "single-task":
        settings = single_task(settings, SINGLE_TASK[preset])
    features = feature_count(settings) + len(CALIBRATED)
    batch = settings.training.batch_size
    windows = batch * STEPS_A_CALL
    makers = {"tilth": jax_step}
    if not options.without_torch:
        makers["torch"] = torch_step
    made = {name: make(settings, features, options.cores, STEPS_A_CALL) for name, make in makers.items()}
    compiling = {name: timed(turn)[0] for name, (turn, _) in made.items()}
    wall = dict.fromkeys(made, float("inf"))
    cpu = dict.fromkeys(made, float("inf"))
    for _ in range(options.rounds):
        for name, (turn, _) in made.items():
            seconds, cpu_seconds = timed(turn)
            wall[name], cpu[name] = min(wall[name], seconds), min(cpu[name], cpu_seconds)
    for name, (_, weights) in made.items():
        print(
            f"{preset:6} {network:11} {name:7} {weights:8} {batch:6} {compiling[name]:12.1f} "
            f"{windows / wall[name]:14.0f} {windows / cpu[name]:18.0f}",
            flush=True,
        )
    if "torch" in made:
        ratios = f"{wall['torch'] / wall['tilth']:.2f} by wall time, {cpu['torch'] / cpu['tilth']:.2f} by CPU"
        print(f"{preset:6} {network:11} tilth over torch: {ratios}", flush=True)


def timed(turn: Callable[[], None]) -> tuple[float, float]:
    """Wall and CPU seconds of a turn."""
    begin, cpu = time.perf_counter(), time.process_time()
    turn()
    return time.perf_counter() - begin, time.process_time() - cpu


def jax_step(settings, features: int, cores: int, steps: int) -> tuple[Callable[[], None], int]:
    """A turn of steps as :func:`tilth.networks.training.train` runs them, and the network's weights."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import numpy as np

    with contextlib.suppress(RuntimeError):  # said before, for the network before this one
        jax.config.update("jax_num_cpu_devices", cores)
    from tilth.networks.training import optimiser, training_steps
    from tilth.surrogates.architectures import network_of

    key = jax.random.key(0)
    tasks, shape = len(settings.tasks), (settings.training.batch_size, settings.window)
    network = network_of(settings.sizes, features, tasks, key=key)
    groups = type(network).rate_groups
    rule = optimiser(network, settings.training, groups)
    random = np.random.default_rng(0)
    batch = (
        random.normal(size=(*shape, features)).astype(np.float32),
        random.normal(size=(*shape, tasks)).astype(np.float32),
    )
    several = training_steps(
        lambda n, b: jnp.mean(jnp.square(n(b[0]) - b[1])), settings.training, groups, mean=True
    )
    state = list(several.placed((network, rule.init(eqx.filter(network, eqx.is_array)))))
    weights = sum(leaf.size for leaf in jax.tree.leaves(network))

    def run() -> None:
        state[0], state[1], losses = several([batch] * steps, state[0], state[1])
        jax.block_until_ready((losses, jax.tree.leaves(state[0])))

    return run, weights


def torch_step(settings, features: int, cores: int, steps: int) -> tuple[Callable[[], None], int]:
    """The same steps in PyTorch, and its number of weights."""
    import torch

    from tilth.surrogates.settings import MultitaskSizes

    torch.set_num_threads(cores)
    sizes, tasks = settings.sizes, len(settings.tasks)

    class Multitask(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            shared, own = sizes.shared_hidden, sizes.task_hidden
            self.shared = torch.nn.LSTM(features, shared, sizes.shared_layers, batch_first=True)
            self.gates = torch.nn.ModuleList(torch.nn.Linear(features, shared) for _ in range(tasks))
            self.tasks = torch.nn.ModuleList(
                torch.nn.LSTM(shared, own, sizes.task_layers, batch_first=True) for _ in range(tasks)
            )
            self.heads = torch.nn.ModuleList(torch.nn.Linear(own, 1) for _ in range(tasks))

        def forward(self, x):
            hidden = self.shared(x)[0]
            parts = [
                head(task(torch.sigmoid(gate(x)) * hidden)[0])
                for gate, task, head in zip(self.gates, self.tasks, self.heads, strict=True)
            ]
            return torch.cat(parts, dim=-1)

    class SingleTask(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = torch.nn.LSTM(features, sizes.hidden, sizes.layers, batch_first=True)
            self.head = torch.nn.Linear(sizes.hidden, tasks)

        def forward(self, x):
            return self.head(self.trunk(x)[0])

    network = Multitask() if isinstance(sizes, MultitaskSizes) else SingleTask()
    rule = torch.optim.Adam(network.parameters(), lr=settings.training.learning_rate)
    shape = (settings.training.batch_size, settings.window)
    inputs, targets = torch.randn(*shape, features), torch.randn(*shape, tasks)

    def run() -> None:
        for _ in range(steps):
            rule.zero_grad()
            torch.nn.functional.mse_loss(network(inputs), targets).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings.training.clip)
            rule.step()

    return run, sum(weight.numel() for weight in network.parameters())


if __name__ == "__main__":
    main()
