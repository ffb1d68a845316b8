"""Who may import whom, and what an attack can reach: the separations that keep results honest."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from privattack.attacks.extraction.base import ExtractionAttack
from privattack.attacks.membership.base import Candidates
from privattack.defences.none import NoDefence
from privattack.service import Service

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "privattack").rglob("*.py"))
ATTACKS = sorted((ROOT / "privattack/attacks").rglob("*.py"))


def test_imports_go_downwards_only(tmp_path):
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_service_keeps_no_target_that_an_attack_could_reach():
    class Network(nn.Module):
        def forward(self, pixels):
            return torch.zeros(len(pixels), 10).log_softmax(dim=1)

    service = Service(Network(), NoDefence(), budget=3)
    assert not any(isinstance(value, nn.Module) for value in vars(service).values())
    assert not {"target", "model", "network", "defence"} & set(dir(service))


def test_candidates_tell_no_membership_of_the_images_that_are_judged():
    assert set(Candidates.__dataclass_fields__) == {"known", "known_membership", "unknown"}


def test_an_extraction_attack_is_given_services_pool_and_seeds_only():
    assert set(ExtractionAttack.run.__annotations__) == {
        "services", "pool", "surrogates", "budgets", "seeds", "learning", "return"
    }  # fmt: skip


@pytest.mark.parametrize("path", ATTACKS, ids=lambda path: path.name)
def test_no_attack_reaches_behind_the_service_or_asks_which_defence_it_is(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "service":
            assert not node.attr.startswith("_"), f"service.{node.attr} in line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("isinstance", "type", "getattr", "vars") or "service" not in ast.unparse(node)
    assert "defences.none" not in path.read_text()
    assert "__closure__" not in path.read_text()


def test_shapes_are_checked_wherever_they_are_written(pytestconfig):
    *checked, _ = pytestconfig.getoption("jaxtyping_packages").split(",")
    named = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES}
    shaped = {name for path, name in named.items() if "from jaxtyping import" in path.read_text()}
    assert not {name for name in shaped if not any(f"{name}.".startswith(f"{one}.") for one in checked)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_can_be_read_in_one_sitting_and_says_what_it_is(path):
    text = path.read_text()
    assert text.count("\n") < 300
    assert ast.get_docstring(ast.parse(text))


def test_only_the_command_line_its_callbacks_and_what_makes_classes_know_hydra():
    knows = {path.relative_to(ROOT).as_posix() for path in SOURCES if "import hydra" in path.read_text()}
    knows |= {path.relative_to(ROOT).as_posix() for path in SOURCES if "from hydra" in path.read_text()}
    knows = {path for path in knows if not path.startswith("privattack/command_line/")}
    assert knows == {"privattack/report/hydra_callback.py", "privattack/make.py"}
