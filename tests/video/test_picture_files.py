"""Pictures that are cut off, and pictures with more behind or in them."""

import cv2
import numpy as np
import pytest

from egoexo_mm.video.picture_files import is_cut_off


def encoded(suffix, *options):
    picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    return cv2.imencode(suffix, picture, options)[1].tobytes()


def with_thumbnail(picture):
    """A JPEG whose EXIF header holds another JPEG."""
    small = encoded('.jpg', cv2.IMWRITE_JPEG_QUALITY, 5)
    return picture[:2] + b'\xff\xe1' + (len(small) + 2).to_bytes(2, 'big') + small + picture[2:]


@pytest.mark.parametrize(
    'picture',
    [
        encoded('.jpg'),
        encoded('.jpg', cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        encoded('.png'),
        with_thumbnail(encoded('.jpg')),
    ],
)
def test_the_end_of_a_picture(picture):
    assert not is_cut_off(picture)
    assert not is_cut_off(
        picture + b'\0' * 5000
    )  # a disk's block, a phone's film behind the picture
    for kept in (len(picture) - 20, len(picture) * 3 // 4):
        assert is_cut_off(picture[:kept])
        assert is_cut_off(picture[:kept] + b'\0' * 5000)


def test_other_files_are_not_judged():
    for content in (b'', b'\xff\xd8'[:1], b'GIF89a', encoded('.bmp')[:100], encoded('.webp')[:100]):
        assert not is_cut_off(content)
    assert is_cut_off(b'\xff\xd8') and is_cut_off(b'\xff\xd8\xff\xe1')
