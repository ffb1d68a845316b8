import torch
from hypothesis import given
from hypothesis import strategies as st

from privattack.randomness import derive, generator

NAMES = st.lists(st.one_of(st.integers(), st.text(max_size=8)), max_size=3)


@given(seed=st.integers(min_value=0, max_value=2**70), names=NAMES)
def test_every_seed_and_name_gives_a_seed_that_torch_takes(seed, names):
    derived = derive(seed, *names)
    assert 0 <= derived < 2**63
    assert derived == derive(seed, *names)
    generator(seed, *names)


def test_streams_differ_by_seed_and_by_name():
    streams = [(0,), (1,), (0, "split"), (0, "queries"), (1, "split"), (0, "order", 0), (0, "order", 1)]
    assert len({derive(*stream) for stream in streams}) == len(streams)


def test_a_draw_from_one_stream_changes_no_other_and_not_the_ambient_one():
    torch.manual_seed(5)
    expected = torch.rand(3)
    alone = torch.rand(4, generator=generator(0, "queries"))
    torch.manual_seed(5)
    torch.rand(100, generator=generator(0, "split"))
    assert torch.equal(torch.rand(4, generator=generator(0, "queries")), alone)
    assert torch.equal(torch.rand(3), expected)


def test_a_seed_is_the_same_in_every_process_and_on_every_machine():
    assert derive(3, "split", 7) == 5460409896857091055
