"""Shadow models trained by DP-SGD: ours stacked and one by one, and Opacus's one by one.

    OMP_NUM_THREADS=1 python tests/benchmarks/private_bank.py [--models 4] [--images 2000] [--epochs 1] [--device cpu]

All train the small convolutional network of 26,010 weights on random images, in Poisson batches of 250 on average.
"""

import argparse
import os
import platform
import time
import warnings

import torch
import torch.nn.functional as F
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

from privattack.data.images import LabelledImages
from privattack.models.dp_sgd import DpSgd
from privattack.models.networks import SmallConvNet

BATCH = 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("models", 4), ("images", 2_000), ("epochs", 1), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    device = torch.device(arguments.device)
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (arguments.images, 1, 28, 28), generator=random, dtype=torch.uint8)
    pool = LabelledImages(images, torch.randint(0, 10, (arguments.images,), generator=random))
    recipe = DpSgd(lr=0.1, gamma=1.0, epochs=arguments.epochs, batch_size=BATCH, noise_multiplier=1.0)
    members = torch.arange(arguments.images).expand(arguments.models, -1)

    def ours(count: int) -> None:
        for first in range(0, arguments.models, count):
            networks = [SmallConvNet(classes=10) for _ in range(count)]
            recipe.fit(networks, pool, members[:count], seeds=[*range(first, first + count)], device=device)

    def theirs() -> None:
        for _ in range(arguments.models):
            network = SmallConvNet(classes=10).to(device)
            loader = DataLoader(TensorDataset(pool.pixels(), pool.labels), batch_size=BATCH)
            network, optimiser, loader = PrivacyEngine().make_private(
                module=network, optimizer=torch.optim.SGD(network.parameters(), lr=0.1), data_loader=loader,
                noise_multiplier=1.0, max_grad_norm=1.0,
            )  # fmt: skip
            for _ in range(arguments.epochs):
                for pixels, labels in loader:
                    optimiser.zero_grad()
                    F.cross_entropy(network(pixels.to(device)), labels.to(device)).backward()
                    optimiser.step()

    ways = {"stacked": lambda: ours(arguments.models), "one by one": lambda: ours(1), "Opacus, one by one": theirs}
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {os.cpu_count()} cores of which one is used")
    print(f"{arguments.models} models, {arguments.images} images, {arguments.epochs} epochs, on {device}")
    print("| way | seconds, least of rounds |\n|---|---|")
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            started = time.process_time() if device.type == "cpu" else time.perf_counter()
            way()
            ended = time.process_time() if device.type == "cpu" else time.perf_counter()
            seconds[name].append(ended - started)
    for name, taken in seconds.items():
        print(f"| {name} | {min(taken):.2f} |")


if __name__ == "__main__":
    main()
