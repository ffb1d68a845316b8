"""Speed and memory of membership inference with shadow models.

    python tests/benchmarks/shadows.py [--rounds 3] [--models 16] [--device cpu|gpu]

Training: the shadow bank against the usual way, one Lightning fit per model, one after the other, by the same recipe
(LeNet, 1,000 members of a pool of 2,000, 50 epochs), in the same process, alternating. Scoring: every attack of the
suite on 64 models x 20,000 images. Images and scores are random: no figure depends on what they show.
"""

import argparse
import os
import platform
import statistics
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir

from privattack.attacks.membership.suite import Suite
from privattack.audits.shadow import ShadowAudit
from privattack.data.images import DataSet, LabelledImages
from privattack.data.shadow_pool import make_shadow_pool
from privattack.data.splits import balanced_halves
from privattack.defences.none import NoDefence
from privattack.make import make
from privattack.models.architecture import Architecture
from privattack.models.devices import device_of, keep_quiet
from privattack.models.networks import MLP, LeNet
from privattack.models.recipes import Supervised
from privattack.models.shadow_bank import BankOrder, BankSettings, ShadowBank
from privattack.models.store import ModelStore, StoredModel
from privattack.models.target import Target
from privattack.models.target_training import train_by_lightning
from privattack.victims import LocalVictim

CONF = str(Path(__file__).parents[2] / "conf")
RECIPE = Supervised(lr=1.0, gamma=1.0, epochs=50, batch_size=64)
LENET = Architecture(partial(LeNet, classes=10), {"_target_": "LeNet"}, (0.1307,), (0.3081,))


def random_images(count: int) -> LabelledImages:
    return LabelledImages(torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8), torch.randint(0, 10, (count,)))


def bank(data: DataSet, models: int, device: torch.device) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = BankSettings(models, RECIPE, seed=0)
        BankOrder(LENET, data, data.train, settings, store=ModelStore(folder), device=device, progress=True).obtain()


def one_by_one(data: DataSet, models: int, device: torch.device) -> None:
    halves = balanced_halves(len(data.train), models=models, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        for number, half in enumerate(halves):
            network = LENET.untrained(number)
            train_by_lightning(
                network, RECIPE, data.train.take(half.nonzero().flatten()), data.test, seed=number, device=device,
                checkpoint=Path(folder) / f"{number}.ckpt", progress=True,
            )  # fmt: skip
            model = Target(network, device=device)
            model.answer(data.train), model.answer(data.test)


def training(rounds: int, models: int, device: torch.device) -> None:
    data = DataSet("random", 10, random_images(2_000), random_images(1_000), "0", (0.1307,), (0.3081,))

    def seconds(work: object) -> float:
        started = time.perf_counter()
        work(data, models, device)
        return time.perf_counter() - started

    pairs = [(seconds(bank), seconds(one_by_one)) for _ in range(rounds)]
    ratios = [theirs / ours for ours, theirs in pairs]
    ours, theirs = (60 * models / statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{models} shadow models: {statistics.median(ratios):.2f} times as many per minute "
        f"[{min(ratios):.2f}, {max(ratios):.2f}]   ours {ours:.0f}/min   one by one {theirs:.0f}/min   "
        "goal >= 1.5 (GPU, lenet, 64 models: >= 20)",
        flush=True,
    )


class PeakMemory:
    """Watches what this process holds beside mapped files."""

    def __enter__(self) -> "PeakMemory":
        self.start = self.most = self._anonymous()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.most = max(self.most, self._anonymous())

    @staticmethod
    def _anonymous() -> int:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))


def scoring(models: int = 64, images: int = 20_000) -> None:
    members, others, test = random_images(images // 2), random_images(images // 2), random_images(10_000)
    data = DataSet("random", 10, members.join(others), test, "0", (0.1307,), (0.3081,))
    pool = make_shadow_pool(members, others, seed=0)
    halves = balanced_halves(images, models=models, seed=0)
    with initialize_config_dir(CONF, version_base="1.3"):
        suite = make(compose("config", overrides=["attack=mia_suite"]), "attack", Suite)
    with tempfile.TemporaryDirectory() as folder:
        store, stored = ModelStore(folder), []
        for number in range(models):
            outputs = {"pool": torch.randn(images, 10).mul(3), "test": torch.randn(10_000, 10).mul(3)}
            outputs = {part: logits.log_softmax(dim=1) for part, logits in outputs.items()}
            recipe = {"number": number}
            store.obtain(recipe, lambda _, outputs=outputs: StoredModel(MLP(classes=10).state_dict(), outputs))
            stored.append(store.find(recipe))
        del outputs
        shadows = ShadowBank(
            partial(MLP, classes=10), pool.images, halves, stored, fingerprints=[str(k) for k in range(models)],
            trained=0, recipe=Supervised(lr=1.0, gamma=1.0, epochs=1, batch_size=64), device=torch.device("cpu"),
        )  # fmt: skip
        total = images + suite.public
        audit = ShadowAudit(suite, data, pool, None, NoDefence(), shadows=models, targets=1, budget=total, seeds=[0])
        seconds = []

        original = suite.run

        def watched(*arguments: object, **settings: object) -> list:
            for name, attack in suite.attacks.items():
                infer = attack.infer

                def timed(*inner: object, infer=infer, name=name, **more: object) -> object:
                    started = time.perf_counter()
                    result = infer(*inner, **more)
                    seconds.append((time.perf_counter() - started, name))
                    return result

                attack.infer = timed
            with PeakMemory() as memory:
                result = original(*arguments, **settings)
            watched.peak = memory.most - memory.start
            return result

        suite.run = watched
        outcome = audit.run([LocalVictim(shadows.in_the_targets_place(0, data), NoDefence())], shadows)
        logits = models * images * 10 * 4
        print(
            f"scoring {models} models x {images:,} images, {len(suite.attacks)} attacks: {outcome.seconds:.1f} s "
            f"(goal < 10 s); peak memory {watched.peak / logits:.2f} times the logits' {logits / 1e6:.0f} MB "
            "(goal <= 1.5 plus one chunk; the candidates' pixels alone are 1.23)"
        )
        print("  " + ", ".join(f"{name} {spent:.2f} s" for spent, name in sorted(seconds, reverse=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", type=int, default=16)
    parser.add_argument("--device", default="cpu", choices=["cpu", "gpu"])
    parser.add_argument("--only", choices=["training", "scoring"])
    options = parser.parse_args()
    keep_quiet()
    device = device_of(options.device)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{os.cpu_count()} cores"
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    print(f"{name}, {torch.get_num_threads()} threads, {versions}")
    if options.only != "training":
        scoring()
    if options.only != "scoring":
        training(options.rounds, options.models, device)


if __name__ == "__main__":
    main()
