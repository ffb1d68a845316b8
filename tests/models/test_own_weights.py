"""A user's own weights: read, or refused in one sentence."""

import hashlib
import pickle
from pathlib import Path

import lightning
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privattack.errors import UserError
from privattack.models.networks import MLP, ConvNet, LeNet
from privattack.models.own_weights import load_checkpoint
from tests.models.test_targets import lenet, weights_of

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")


def test_own_weights_are_addressed_by_their_md5(tmp_path):
    path = weights_of(lenet(), tmp_path / "mine.pth")
    assert load_checkpoint(lenet(), path) == hashlib.md5(path.read_bytes()).hexdigest()


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "executed")


def bad_file(kind: str, path: Path) -> None:
    good = weights_of(lenet(), path.with_name(f"good{path.suffix}")).read_bytes()
    contents = {"truncated": good[: len(good) // 2], "empty": b"", "text": b"epoch,loss\n1,0.5\n", "one byte": b"\x80"}
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == "folder":
        path.mkdir()
    elif kind == "whole network":
        torch.save(lenet(), path)
    elif kind == "a tensor":
        torch.save(torch.ones(3), path)
    elif kind == "a list":
        torch.save([1, 2], path)
    elif kind == "nested":
        torch.save({"epoch": 3, "state_dict": {}}, path)
    elif kind == "nothing in it":
        torch.save({}, path)
    elif kind == "numbered":
        torch.save(dict(enumerate(lenet().state_dict().values())), path)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        *(
            (kind, suffix)
            for kind in ("truncated", "empty", "text", "one byte", "folder", "missing")
            for suffix in (".pth", ".safetensors")
        ),
        *((kind, ".pth") for kind in ("whole network", "a tensor", "a list", "nested", "nothing in it", "numbered")),
    ],
)
def test_a_file_that_holds_no_weights_is_named_with_what_would_work(kind, suffix, tmp_path):
    path = tmp_path / f"mine{suffix}"
    bad_file(kind, path)
    network = lenet()
    before = [weight.clone() for weight in network.state_dict().values()]
    with pytest.raises(UserError) as caught:
        load_checkpoint(network, path)
    message = str(caught.value)
    assert message.startswith(f"target.checkpoint={path}: ")
    assert message.endswith(".")
    assert "\n" not in message
    after = network.state_dict().values()
    assert all(torch.equal(weight, kept) for weight, kept in zip(after, before, strict=True))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("other", [lambda: ConvNet(classes=10), lambda: LeNet(classes=26), lambda: MLP(classes=10)])
def test_weights_of_another_network_are_told_apart_by_name_and_shape(other, suffix, tmp_path):
    path = weights_of(other(), tmp_path / f"mine{suffix}")
    with pytest.raises(UserError, match=r"another network than LeNet: .* in the file and .* in the network"):
        load_checkpoint(lenet(), path)


@pytest.mark.parametrize("prefix", ["", "network.", "model.", "module.", "network._orig_mod."])
@pytest.mark.parametrize("key", [None, "state_dict", "model_state_dict", "model"])
def test_the_layouts_of_training_programs_are_understood(prefix, key, tmp_path):
    own, network = lenet(), lenet()
    state = {prefix + name: weight for name, weight in own.state_dict().items()}
    torch.save(state if key is None else {"epoch": 3, "optimizer": {"lr": 0.1}, key: state}, tmp_path / "mine.ckpt")
    load_checkpoint(network, tmp_path / "mine.ckpt")
    assert all(torch.equal(weight, network.state_dict()[name]) for name, weight in own.state_dict().items())


class Classifier(lightning.LightningModule):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = lenet()
        self.criterion = nn.CrossEntropyLoss(weight=torch.ones(10))

    def training_step(self, batch, _):
        return self.criterion(self.network(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_lightnings_own_checkpoint_is_understood(tmp_path):
    module, network = Classifier(width=3), lenet()
    batches = DataLoader(TensorDataset(torch.rand(4, 1, 28, 28), torch.arange(4)), batch_size=4)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = lightning.Trainer(max_epochs=1, default_root_dir=tmp_path, enable_checkpointing=False, **quiet)
    trainer.fit(module, batches)
    trainer.save_checkpoint(tmp_path / "mine.ckpt")
    load_checkpoint(network, tmp_path / "mine.ckpt")
    weights = module.network.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in network.state_dict().items())


def test_a_file_with_two_such_networks_is_not_guessed_at(tmp_path):
    state = {f"{name}.{key}": weight for name in ("teacher", "student") for key, weight in lenet().state_dict().items()}
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(UserError, match=r"several such networks \(student\., teacher\.\)"):
        load_checkpoint(lenet(), tmp_path / "mine.pth")


def test_weights_of_another_network_are_told_which_layers_were_expected(tmp_path):
    path = weights_of(MLP(classes=10), tmp_path / "mine.pth")
    with pytest.raises(UserError, match=r"expects conv1\.weight \(6, 1, 5, 5\), conv1\.bias \(6,\), .* and 4 more;"):
        load_checkpoint(lenet(), path)


def test_part_of_a_layers_name_is_no_prefix(tmp_path):
    path = weights_of(lenet(), tmp_path / "mine.pth")  # linear1.weight ends as the perceptron's 1.weight does
    with pytest.raises(UserError, match=r"1\.bias is missing in the file and \(128,\) in the network"):
        load_checkpoint(MLP(classes=10), path)


NUMBERS = {
    "sparse": (lambda weight: weight.to_sparse(), "a sparse tensor"),
    "quantised": (lambda weight: torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8), "quantised numbers"),
    "meta": (lambda weight: weight.to("meta"), r"no numbers \(device meta\)"),
    "integer": (lambda weight: weight.long(), "integer numbers"),
    "boolean": (lambda weight: weight > 0, "boolean numbers"),
    "complex": (lambda weight: weight.to(torch.complex64), "complex numbers"),
}


@pytest.mark.filterwarnings("ignore:.*quantiz.*", "ignore:TypedStorage")
@pytest.mark.parametrize("kind", NUMBERS)
def test_weights_that_are_no_plain_numbers_are_refused(kind, tmp_path):
    change, said = NUMBERS[kind]
    network, state = lenet(), lenet().state_dict()
    state["linear3.weight"] = change(state["linear3.weight"])
    torch.save(state, tmp_path / "mine.pth")
    before = network.linear3.weight.clone()
    with pytest.raises(UserError, match=rf"mine\.pth: linear3\.weight holds {said}, where the network has plain float"):
        load_checkpoint(network, tmp_path / "mine.pth")
    assert torch.equal(network.linear3.weight, before)


def test_weights_of_another_precision_are_read(tmp_path):
    own, network = lenet(), lenet()
    torch.save({name: weight.half() for name, weight in own.state_dict().items()}, tmp_path / "mine.pth")
    load_checkpoint(network, tmp_path / "mine.pth")
    assert torch.allclose(network.conv1.weight, own.conv1.weight, atol=1e-3)


@pytest.mark.parametrize("write", [torch.save, lambda bomb, path: path.write_bytes(pickle.dumps(bomb))])
@pytest.mark.parametrize("wrap", [lambda bomb: bomb, lambda bomb: {"conv1.weight": bomb}])
def test_code_in_a_checkpoint_is_never_executed(write, wrap, tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "mine.pth"
    write(wrap(Bomb(trace)), path)
    pickle.loads(pickle.dumps(Bomb(tmp_path / "fuse")))
    assert (tmp_path / "fuse").exists()
    with pytest.raises(UserError, match="damaged or holds no plain weights"):
        load_checkpoint(lenet(), path)
    assert not trace.exists()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.sampled_from([b"", b"PK\x03\x04", b"\x80\x02", b"\x80\x02}q\x00"]), rest=st.binary(max_size=40))
def test_no_bytes_whatever_give_anything_but_one_sentence(start, rest, tmp_path):
    for suffix in (".pth", ".safetensors"):
        path = tmp_path / f"mine{suffix}"
        path.write_bytes(start + rest)
        with pytest.raises(UserError, match=r"target\.checkpoint="):
            load_checkpoint(lenet(), path)


def test_weights_lie_in_the_home_that_a_tilde_means(tmp_path, monkeypatch):
    path = weights_of(lenet(), tmp_path / "mine.pth")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_checkpoint(lenet(), Path("~/mine.pth")) == hashlib.md5(path.read_bytes()).hexdigest()


def test_weights_that_may_not_be_read_are_not_called_damaged(tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied", "mine.pth")

    monkeypatch.setattr(torch, "load", forbidden)
    with pytest.raises(UserError, match=r"^target\.checkpoint=mine\.pth: cannot be read \(Permission denied\); give"):
        load_checkpoint(lenet(), Path("mine.pth"))
