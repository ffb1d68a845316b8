import pytest
import torch

from privattack.data.images import LabelledImages
from privattack.data.shadow_pool import make_shadow_pool
from privattack.errors import UserError


def digests(images: LabelledImages) -> set[bytes]:
    return set(images.digests)


def test_a_pool_is_the_members_and_as_many_non_members(make_images):
    members, nonmembers = make_images(20), make_images(50, seed=1)
    pool = make_shadow_pool(members, nonmembers, seed=0, most=50)
    assert digests(pool.images.take(pool.membership.nonzero().flatten())) == digests(members)
    others = digests(pool.images.take((~pool.membership).nonzero().flatten()))
    assert len(others) == 20
    assert others < digests(nonmembers)


def test_each_image_can_be_traced_back(make_images):
    members, nonmembers = make_images(20), make_images(50, seed=1)
    pool = make_shadow_pool(members, nonmembers, seed=0, most=50)
    for image, member, origin in zip(pool.images.images, pool.membership, pool.origin, strict=True):
        assert torch.equal(image, (members if member else nonmembers).images[origin])


def test_the_order_tells_nothing_of_membership(make_images):
    pool = make_shadow_pool(make_images(200), make_images(200, seed=1), seed=0, most=50)
    assert 60 < int(pool.membership[:200].sum()) < 140


def test_the_labels_stay_with_their_images(make_images):
    members = make_images(20)
    pool = make_shadow_pool(members, make_images(20, seed=1), seed=0, most=50)
    labels = dict(zip(members.digests, members.labels.tolist(), strict=True))
    for digest, label, member in zip(pool.images.digests, pool.images.labels, pool.membership, strict=True):
        assert not member or labels[digest] == int(label)


def test_a_pool_follows_its_seed(make_images):
    members, nonmembers = make_images(20), make_images(50, seed=1)
    first, again, other = (make_shadow_pool(members, nonmembers, seed=seed, most=50) for seed in (0, 0, 1))
    assert torch.equal(first.images.images, again.images.images)
    assert not torch.equal(first.images.images, other.images.images)


def test_too_few_non_members_are_refused_unless_smaller_models_are_asked_for(make_images):
    members, nonmembers = make_images(20), make_images(8, seed=1)
    with pytest.raises(UserError, match=r"^target\.train_size=20: .* 8 non-members; set target\.train_size to 8"):
        make_shadow_pool(members, nonmembers, seed=0, most=8)
    pool = make_shadow_pool(members, nonmembers, seed=0, most=8, may_be_smaller=True)
    assert (len(pool.images), int(pool.membership.sum())) == (16, 8)
