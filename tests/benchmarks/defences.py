"""What each defence of `conf/defence` takes for an image, on one core.

    OMP_NUM_THREADS=1 python tests/benchmarks/defences.py [--images 2000] [--rounds 3]

Answers are random, a third of them as sure as a target of digits is. MemGuard is fitted to random answers, too.
"""

import argparse
import os
import platform
import statistics
import time

import torch

from privattack.command_line.resolvers import register_resolvers
from privattack.data.images import LabelledImages
from privattack.defences.owner import Owner
from tests.composing import made, options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    register_resolvers()
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (arguments.images, 1, 28, 28), generator=random, dtype=torch.uint8)
    pixels = images / 255
    sureness = torch.tensor([3.0, 10.0, 30.0])[torch.arange(len(images)) % 3].unsqueeze(1)
    said = (sureness * torch.randn(len(images), 10, generator=random)).log_softmax(dim=1)
    membership = torch.arange(len(images)) % 2 == 0
    labelled = LabelledImages(images, said.argmax(dim=1))
    owner = Owner(lambda asked: said[: len(asked)], labelled, membership)
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {os.cpu_count()} cores of which one is used")
    print("| defence | microseconds an image, median [min, max] |\n|---|---|")
    for option in options("defence"):
        defence = made("defence", f"defence={option}").fitted(owner)
        seconds = []
        for _ in range(arguments.rounds):
            session = defence.session(0)
            started = time.process_time()
            session(said, pixels)
            seconds.append(1e6 * (time.process_time() - started) / len(images))
        print(f"| `{option}` | {statistics.median(seconds):.0f} [{min(seconds):.0f}, {max(seconds):.0f}] |", flush=True)


if __name__ == "__main__":
    main()
