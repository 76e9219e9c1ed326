import numpy as np
import pytest

from outcrop.rowwise import times


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("depth", "width"), [(1, 1), (6, 10), (17, 2), (198, 12)])
def test_a_product_is_right_and_each_row_by_itself(dtype, depth, width):
    rng = np.random.default_rng(depth)
    rows = rng.normal(size=(1003, depth)).astype(dtype)
    matrix = rng.normal(size=(depth, width)).astype(dtype)
    made = times(rows, matrix)
    assert made.dtype == dtype
    assert made.flags.c_contiguous
    wide = rows.astype(float) @ matrix.astype(float)
    np.testing.assert_allclose(made, wide, atol=1e-4 if dtype == "float32" else 1e-12)
    order = rng.permutation(len(rows))
    np.testing.assert_array_equal(times(rows[order], matrix), made[order])
    np.testing.assert_array_equal(times(rows[7:8], matrix), made[7:8])


def test_the_wider_type_is_kept():
    assert times(np.ones((2, 3), np.float32), np.ones((3, 2))).dtype == np.float64
    assert times(np.ones((0, 3), np.float32), np.ones((3, 2), np.float32)).shape == (0, 2)
