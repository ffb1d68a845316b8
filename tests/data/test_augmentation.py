import torch

from privattack.data.augmentation import distorted, flipped_and_cropped, pad, shifted


def images(n):
    return torch.randint(0, 256, (n, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_shifts_move_each_image_by_up_to_a_pixel_and_black_comes_in():
    pictures = images(3)
    places = torch.tensor([2, 0, 0])
    uniform = torch.tensor([[0.5, 0.5], [0.0, 0.5], [0.5, 0.99]])
    same, down, left = shifted(pad(pictures), places, uniform)
    assert torch.equal(same, pictures[2])
    assert torch.equal(down[:, 1:], pictures[0, :, :-1])
    assert (down[:, 0] == 0).all()
    assert torch.equal(left[..., :-1], pictures[0, ..., 1:])
    assert (left[..., -1] == 0).all()


def test_flips_mirror_left_to_right_and_crops_cut_out_of_a_black_border():
    pictures = images(4)
    uniform = torch.tensor([[0.5, 0.5, 0.4], [0.5, 0.5, 0.6], [0.0, 0.5, 0.4], [0.5, 0.99, 0.6]])
    mirrored, same, down, left = flipped_and_cropped(pictures, uniform, flips=True, crop=3)
    assert torch.equal(mirrored, pictures[0].flip(2))
    assert torch.equal(same, pictures[1])
    assert torch.equal(down[:, 3:], pictures[2, :, :-3].flip(2))
    assert (down[:, :3] == 0).all()
    assert torch.equal(left[..., :-3], pictures[3, ..., 3:])
    assert torch.equal(flipped_and_cropped(pictures, uniform, flips=False, crop=0), pictures)


def test_no_distortion_leaves_images_as_they_are():
    pictures = images(2) / 255
    torch.testing.assert_close(distorted(pictures, torch.full((2, 3), 0.5)), pictures, atol=1e-4, rtol=0)


def spot(row, column):
    picture = torch.zeros(1, 1, 28, 28)
    picture[0, 0, row, column] = 1.0
    return picture


def centre(picture):
    """Return the row and the column about which the light lies."""
    line = torch.arange(28.0)
    return (picture.sum(dim=3) @ line / picture.sum()).item(), (picture.sum(dim=2) @ line / picture.sum()).item()


def test_distortions_turn_by_up_to_fifteen_degrees_about_the_middle_and_move_by_up_to_two_pixels():
    before = torch.tensor([4.0, 20.0]) - 13.5
    for turn in (0.0, 1.0):
        after = torch.tensor(centre(distorted(spot(4, 20), torch.tensor([[turn, 0.5, 0.5]])))) - 13.5
        cosine = before @ after / (before.norm() * after.norm())
        assert abs(torch.rad2deg(cosine.acos()) - 15) < 1
        assert abs(before.norm() - after.norm()) < 0.3
    row, column = centre(distorted(spot(10, 20), torch.tensor([[0.5, 0.0, 1.0]])))
    assert abs(row - 12) < 0.01
    assert abs(column - 18) < 0.01
