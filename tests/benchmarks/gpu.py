"""All that a GPU is for, checked and measured in one go of about ten minutes; prints a table in Markdown.

    python tests/benchmarks/gpu.py                       # on a GPU, at full size
    python tests/benchmarks/gpu.py --device cpu --share 0.02     # whether it runs, at a small size

Checked: a stack of networks ends as single ones do. Measured: each lever's training step against the plain one's, and
which levers to set here; shadow models stacked against one Lightning fit after another, of which a few are timed; ten
surrogates at once against ten loops; what fewer bits change of each model's accuracy, on scikit-learn's digits. All
other images are random. No network is needed.
"""

import argparse
import copy
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from shadows import LENET, RECIPE
from speed import BATCH, bare_surrogates, normalise
from torch import Tensor, nn
from torch.optim import SGD

from privattack.data.images import DataSet, LabelledImages
from privattack.data.sources import digits
from privattack.data.splits import balanced_halves
from privattack.errors import UserError, why
from privattack.models.architecture import Architecture
from privattack.models.devices import Precision, device_of, keep_quiet, name_of, products_in
from privattack.models.fitting import Training
from privattack.models.levers import Lever, compiled
from privattack.models.networks import MLP
from privattack.models.recipes import Supervised
from privattack.models.residual import ResNet18
from privattack.models.shadow_bank import BankOrder, BankSettings, ShadowBank
from privattack.models.stacking import SideBySide, Vectorised
from privattack.models.store import ModelStore
from privattack.models.surrogate import Lesson, SurrogateTrainer, squared_error
from privattack.models.target import Target
from privattack.models.target_training import train_by_lightning

TEN_MINUTES = 600
T_OF_15 = 2.131  # the 97.5 % quantile of Student's t with 15 degrees of freedom
RESNET = Architecture(
    partial(ResNet18, classes=10, shape=(3, 32, 32)), {"_target_": "ResNet18"}, (0.5,) * 3, (0.25,) * 3
)


def random_images(count: int, channels: int, side: int) -> LabelledImages:
    images = torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8)
    return LabelledImages(images, torch.randint(0, 10, (count,)))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def row(name: str, *cells: object) -> None:
    print(f"| {' | '.join(map(str, (name, *cells)))} |", flush=True)


@contextmanager
def ordered(
    architecture: Architecture, data: DataSet, recipe: Supervised, models: int, device: torch.device
) -> Iterator:
    """Yield a bank that is not trained yet, in a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = BankSettings(models, recipe, seed=0)
        yield BankOrder(architecture, data, data.train, settings, store=ModelStore(folder), device=device)


def check(device: torch.device) -> None:
    """Train two networks as one and alone, and compare what they answer."""
    data = DataSet("random", 10, random_images(200, 1, 28), random_images(50, 1, 28), "0", (0.13,), (0.31,))
    short, halves = replace(RECIPE, epochs=1), balanced_halves(200, models=2, seed=0)
    members = torch.stack([half.nonzero().flatten() for half in halves])
    stacked = [LENET.untrained(number) for number in range(2)]
    short.fit(stacked, data.train, members, seeds=[0, 1], device=device)
    apart = 0.0
    for number, network in enumerate(stacked):
        alone = LENET.untrained(number)
        short.fit([alone], data.train, members[number : number + 1], seeds=[number], device=device)
        answers = [Target(one, device=device).answer(data.test) for one in (network, alone)]
        apart = max(apart, (answers[0] - answers[1]).abs().max().item())
    row("stacked and alone, largest difference of log-probabilities", f"{apart:.1e}", "", "")
    if apart > 0.05:
        raise SystemExit("A stack does not end as single networks do.")


def shadows(
    name: str,
    architecture: Architecture,
    data: DataSet,
    recipe: Supervised,
    models: int,
    timed: int,
    device: torch.device,
) -> None:
    def one(number: int) -> None:
        network = architecture.untrained(number)
        half = balanced_halves(len(data.train), models=2, seed=number)[0]
        train_by_lightning(
            network, recipe, data.train.take(half.nonzero().flatten()), data.test, seed=number, device=device,
            checkpoint=Path(folder) / f"{number}.ckpt",
        )  # fmt: skip
        model = Target(network, device=device)
        model.answer(data.train), model.answer(data.test)

    with tempfile.TemporaryDirectory() as folder:
        alone = statistics.median(seconds(lambda number=number: one(number)) for number in range(timed))
    with ordered(architecture, data, recipe, models, device) as order:
        together = seconds(order.obtain) / models
    row(name, f"{together:.2f} s a model", f"{alone:.2f} s a model", f"{alone / together:.1f} times as many")


def surrogates(device: torch.device) -> None:
    pixels, answers = torch.rand(10_000, 1, 28, 28), F.log_softmax(5 * torch.randn(10_000, 10), dim=1)
    pool, learnt = normalise(pixels).to(device), answers.to(device)
    accelerator = "gpu" if device.type == "cuda" else "cpu"
    settings = {"mean": LENET.mean, "std": LENET.std, "epochs": 10, "lr": 1e-3, "batch_size": BATCH}
    trainer = SurrogateTrainer(network=MLP, accelerator=accelerator, **settings)
    asked = torch.stack([torch.randperm(10_000)[:3000] for _ in range(10)])
    lesson = Lesson("published", answers[asked], squared_error)
    together = seconds(lambda: trainer.train(pixels, asked, [lesson], seeds=range(10)))
    loops = seconds(lambda: bare_surrogates(10, pool, learnt))
    row("ten surrogates", f"{together:.2f} s", f"{loops:.2f} s", f"{together / loops:.3f} of ten loops")


def precisions(device: torch.device, epochs: int) -> None:
    """Train the same 16 models with each precision, and tell the mean of the differences, with its 95 % interval."""
    data, exact = digits(), torch.empty(0)
    for precision in ("float32", "tf32", "bf16"):
        recipe = replace(RECIPE, epochs=epochs, precision=precision)
        with ordered(LENET, data, recipe, 16, device) as order:
            banks: list[ShadowBank] = []
            took = seconds(lambda order=order, banks=banks: banks.append(order.obtain()))
            (bank,) = banks
            hits = torch.tensor(
                [(bank.on_test(k).argmax(dim=1) == data.test.labels).double().mean().item() for k in range(len(bank))]
            )
        told = f"test accuracy {100 * hits.mean():.2f} %"
        if precision == "float32":
            exact = hits
        else:
            change = 100 * (hits - exact)
            reach = T_OF_15 * change.std() / len(change) ** 0.5
            told += (
                f", changed by {change.mean():+.2f} [{change.mean() - reach:+.2f}, {change.mean() + reach:+.2f}] points"
            )
        row(f"16 LeNets on digits, {precision}", f"{took:.1f} s", "", told)


def step_of(
    networks: Sequence[nn.Module],
    images: Tensor,
    device: torch.device,
    *,
    levers: Sequence[Lever] = (),
    precision: Precision = "float32",
    stacked: bool = True,
    as_one: bool = True,
    channels_last: bool = False,
) -> Callable[[], object]:
    """Return a training step of networks on a mini-batch, `(e, b, c, h, w)`, as a recipe takes it."""
    copies = [copy.deepcopy(network).to(device) for network in networks]
    if channels_last:
        copies = [network.to(memory_format=torch.channels_last) for network in copies]
    network = Vectorised(copies, products="products" in levers) if stacked else SideBySide(copies)
    training = Training(network.train(), RECIPE.optimised, as_one=as_one)
    logits_of = compiled(network, levers)
    labels = torch.randint(0, 10, images.shape[:2], device=device)

    def step() -> None:
        with products_in(precision):
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                losses = RECIPE.losses(logits_of(images).float(), labels)
            training.optimiser.zero_grad(set_to_none=not as_one)
            losses.sum().backward()
        training.optimiser.step()

    return step


def levers(name: str, architecture: Architecture, count: int, batch: int, device: torch.device, until: float) -> None:
    """Time a stack's step with each lever, and tell which to set."""
    networks = [architecture.untrained(number) for number in range(count)]
    shape = (1, 28, 28) if architecture is LENET else (3, 32, 32)
    images = torch.rand(count, batch, *shape, device=device)
    plain = seconds_of_a_step(step_of(networks, images, device))
    row(f"a step of {count} {name}", f"{1e3 * plain:.2f} ms", "", "plain: grouped convolutions, one optimiser")
    found: dict[tuple[Lever, ...], float] = {(): plain}
    tried: list[tuple[str, dict[str, Any]]] = [
        ("precision=tf32", {"precision": "tf32"}),
        ("precision=bf16", {"precision": "bf16"}),
        ("an optimiser of many tensors", {"as_one": False}),
        ("one network after another", {"stacked": False}),
        ("one after another, channels-last", {"stacked": False, "channels_last": True}),
    ]
    several: list[tuple[Lever, ...]] = [("products",), ("compile",), ("graphs",), ("compile", "products"),
                                        ("graphs", "products")]  # fmt: skip
    tried += [(f"trainer.levers=[{','.join(some)}]", {"levers": some}) for some in several]
    for what, settings in tried:
        if time.perf_counter() > until:
            print(f"No time was left for {what} and what follows it.")
            break
        try:
            took = seconds_of_a_step(step_of(networks, images, device, **settings))
        except (UserError, torch.OutOfMemoryError) as error:
            row(f"a step of {count} {name}, {what}", "", "", why(error))
            continue
        if set(settings) == {"levers"}:
            found[settings["levers"]] = took
        row(f"a step of {count} {name}, {what}", f"{1e3 * took:.2f} ms", "", f"{plain / took:.2f} times as fast")
    best = min(found, key=lambda some: found[some])
    if found[best] > 0.95 * plain:  # less is noise
        best = ()
    row(f"fastest for {name}", f"trainer.levers=[{','.join(best)}]", "", "")


def seconds_of_a_step(step: Callable[[], object]) -> float:
    """Return the median of several, after those in which all is compiled and every memory is had."""
    for _ in range(3):
        step()
    return statistics.median(seconds(step) for _ in range(10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="gpu", choices=["cpu", "gpu"])
    parser.add_argument("--share", type=float, default=1.0, help="of the models, images and epochs of full size")
    options = parser.parse_args()
    keep_quiet()
    began, device = time.perf_counter(), device_of(options.device)

    def some(full: int, least: int) -> int:
        return max(least, round(options.share * full))

    print(f"{name_of(device)}, {os.cpu_count()} CPU cores, torch {torch.__version__}; {options.share:g} of all.\n")
    row("what", "here", "one by one", "")
    row("---", "---", "---", "---")
    check(device)
    levers("LeNets", LENET, 2 * some(32, 1), 64, device, began + 0.15 * TEN_MINUTES)
    grey = DataSet("random", 10, random_images(some(2_000, 100), 1, 28), random_images(some(1_000, 50), 1, 28), "0",
                   (0.13,), (0.31,))  # fmt: skip
    lenet = replace(RECIPE, epochs=some(50, 1))
    models = 2 * some(32, 1)
    shadows(f"{models} LeNet shadow models", LENET, grey, lenet, models, timed=3, device=device)
    surrogates(device)
    precisions(device, some(50, 1))
    colour = DataSet("random", 10, random_images(some(10_000, 128), 3, 32), random_images(some(1_000, 50), 3, 32), "0",
                     (0.5,) * 3, (0.25,) * 3)  # fmt: skip
    for precision in ("float32", "bf16"):
        if time.perf_counter() - began > 0.7 * TEN_MINUTES:
            print(f"No time was left for ResNet-18 in {precision}.")
            break
        recipe = Supervised(lr=0.1, gamma=1.0, epochs=some(2, 1), batch_size=128, optimizer=partial(SGD, momentum=0.9),
                            precision=precision)  # fmt: skip
        models = 2 * some(8, 1)
        name = f"{models} ResNet-18 shadow models, CIFAR-10's shape, {precision}"
        shadows(name, RESNET, colour, recipe, models, timed=1, device=device)
    levers("ResNet-18", RESNET, 2 * some(8, 1), some(128, 8), device, began + 0.8 * TEN_MINUTES)
    print(f"\n{time.perf_counter() - began:.0f} s in all.")


if __name__ == "__main__":
    main()
