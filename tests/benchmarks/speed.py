"""Speed against a bare PyTorch loop that does the same work, in the same process, alternating.

    python tests/benchmarks/speed.py [--rounds 5] [--device cpu|gpu]

Prints ratios (below 1: faster than the bare loop), the median over the rounds with the smallest and the largest.
Images are random: none of these figures depends on what they show.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privattack.data.images import LabelledImages
from privattack.models.devices import device_of, keep_quiet
from privattack.models.networks import MLP, ConvNet, LeNet
from privattack.models.normalised import Normalised
from privattack.models.recipes import Supervised
from privattack.models.surrogate import Lesson, SurrogateTrainer, squared_error
from privattack.models.target_training import train_target

BATCH = 64


class BareLeNet(nn.Module):
    """LeNet-5 as a tutorial writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return F.log_softmax(self.fc3(F.relu(self.fc2(F.relu(self.fc1(x))))), dim=1)


class BareConvNet(nn.Module):
    """PyTorch's MNIST example."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.drop1, self.drop2 = nn.Dropout(0.25), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = self.drop1(F.max_pool2d(x, 2)).flatten(1)
        return F.log_softmax(self.fc2(self.drop2(F.relu(self.fc1(x)))), dim=1)


MNIST = (0.1307,), (0.3081,)  # mean and standard deviation


def normalise(pixels: Tensor) -> Tensor:
    return (pixels - MNIST[0][0]) / MNIST[1][0]


def random_images(count: int) -> LabelledImages:
    return LabelledImages(torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8), torch.randint(0, 10, (count,)))


def bare_target(network: nn.Module, images: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor) -> None:
    """Two epochs of Adadelta, the test accuracy after each."""
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    for _ in range(2):
        network.train()
        for batch in torch.randperm(len(images), device=images.device).split(BATCH):
            optimizer.zero_grad()
            F.nll_loss(network(images[batch]), labels[batch]).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            for x, y in zip(test.split(1000), test_labels.split(1000), strict=True):
                float((network(x).argmax(1) == y).sum())


def bare_surrogates(count: int, pool: Tensor, answers: Tensor) -> None:
    """As many extraction attacks of 3,000 queries and 10 epochs, one after the other."""
    for seed in range(count):
        torch.manual_seed(seed)
        queries = torch.randperm(len(pool), device=pool.device)[:3000]
        network = nn.Sequential(*MLP(classes=10), nn.LogSoftmax(dim=1)).to(pool.device)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        images, learnt = pool[queries], answers[queries]
        for _ in range(10):
            for batch in torch.randperm(len(images), device=pool.device).split(BATCH):
                optimizer.zero_grad()
                F.mse_loss(network(images[batch]), learnt[batch]).backward()
                optimizer.step()


def compare(name: str, ours: Callable[[], None], bare: Callable[[], None], rounds: int, goal: str) -> None:
    def seconds(work: Callable[[], None]) -> float:
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter() - started

    seconds(ours), seconds(bare)
    pairs = [(seconds(ours), seconds(bare)) for _ in range(rounds)]
    ratios = [mine / theirs for mine, theirs in pairs]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{name:34} ratio {statistics.median(ratios):5.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
        f"   ours {mine:7.2f} s   bare {theirs:7.2f} s   goal {goal}",
        flush=True,
    )


def targets(rounds: int, device: torch.device, workplace: Path) -> None:
    for name, ours, bare, count, goal in (
        ("lenet, two epochs", LeNet, BareLeNet, 60_000, "<= 0.85"),
        ("convnet, two epochs of 6,400", ConvNet, BareConvNet, 6_400, "<= 0.75"),
    ):
        members, test = random_images(count), random_images(count // 6)
        recipe = Supervised(lr=1.0, gamma=0.7, epochs=2, batch_size=BATCH)
        tensors = [part.to(device) for data in (members, test) for part in (normalise(data.pixels()), data.labels)]

        def train(
            build: Callable[..., nn.Module] = ours,
            recipe: Supervised = recipe,
            data: tuple[LabelledImages, LabelledImages] = (members, test),
            checkpoint: Path = workplace / "training.ckpt",
        ) -> None:
            checkpoint.unlink(missing_ok=True)
            train_target(
                Normalised(build(classes=10), *MNIST),
                recipe,
                *data,
                seed=0,
                device=device,
                checkpoint=checkpoint,
                progress=True,
            )

        network = bare().to(device)
        compare(name, train, lambda n=network, t=tensors: bare_target(n, *t), rounds, goal)


def surrogates(rounds: int, device: torch.device) -> None:
    pixels, answers = torch.rand(10_000, 1, 28, 28), F.log_softmax(5 * torch.randn(10_000, 10), dim=1)
    pool, learnt = normalise(pixels).to(device), answers.to(device)
    trainer = SurrogateTrainer(
        network=MLP,
        mean=MNIST[0],
        std=MNIST[1],
        epochs=10,
        lr=1e-3,
        batch_size=BATCH,
        accelerator="gpu" if device.type == "cuda" else "cpu",
    )
    for count, goal in ((1, "<= 1.10"), (10, "<= 0.20 (GPU: <= 0.05)")):
        queries = torch.stack([torch.randperm(10_000)[:3000] for _ in range(count)])
        lesson = Lesson("published", answers[queries], squared_error)
        compare(
            f"{count} MLP surrogate{'s' if count > 1 else ''}, 3,000 queries",
            lambda q=queries, ls=lesson, c=count: trainer.train(pixels, q, [ls], seeds=range(c)) and None,
            lambda c=count: bare_surrogates(c, pool, learnt),
            rounds,
            goal,
        )


def sweep(rounds: int, workplace: Path, name: str, *overrides: str, goal: str = "") -> None:
    """Time of the second and later jobs of a sweep beyond the attack's own; on MNIST where PRIVATTACK_DATA is set."""
    import json

    root = Path(__file__).resolve().parents[2]
    data = "mnist" if os.environ.get("PRIVATTACK_DATA") else "digits"
    seeds = ",".join(str(seed) for seed in range(rounds + 1))
    command = [
        sys.executable, str(root / "run.py"), "-m", f"data={data}", "target.seed=0", "target.epochs=1",
        f"seed={seeds}", f"hydra.sweep.dir={workplace / name}", f"store={workplace / 'store'}", *overrides,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, cwd=workplace)
    results = sorted(workplace.glob(f"{name}/*/result.json"), key=lambda path: path.stat().st_mtime_ns)
    ends = [path.stat().st_mtime_ns / 1e9 for path in results]
    timings = [json.loads(path.read_text())["timings"] for path in results]
    over = [
        end - before - timing["attack_seconds"] - timing["query_seconds"]
        for before, end, timing in zip(ends, ends[1:], timings[1:], strict=False)
    ]
    print(
        f"{f'later job, {name} ({data})':34} {statistics.median(over):.2f} s "
        f"[{min(over):.2f}, {max(over):.2f}] beyond the attack   {goal}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    arguments = parser.parse_args()
    keep_quiet()
    device = device_of(arguments.device)
    machine = torch.cuda.get_device_name() if device.type == "cuda" else f"{os.cpu_count()} CPU cores"
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    print(f"{machine}, {torch.get_num_threads()} threads, {versions}")
    with tempfile.TemporaryDirectory() as folder:
        one = ("repetitions=1", "attack.attackers=[published]")
        sweep(arguments.rounds, Path(folder), "1 surrogate", *one, goal="goal <= 0.30 s")
        sweep(arguments.rounds, Path(folder), "15 surrogates")
        surrogates(arguments.rounds, device)
        targets(arguments.rounds, device, Path(folder))


if __name__ == "__main__":
    main()
