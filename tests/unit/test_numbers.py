"""Numbers on the map: inside their unit, apart from each other, and everywhere there is room."""

import numpy as np

from outcrop.products.numbers import MOST, OTHER, ROOM, SAME, number_places


def stripes():
    labels = np.zeros((180, 300), np.uint8)
    labels[:80], labels[80:88], labels[88:, :150], labels[88:, 150:] = 1, 2, 3, 4
    return labels


def test_each_unit_with_room_is_numbered_inside_itself():
    labels = stripes()
    places = number_places(labels, range(1, 5))
    assert {place.number for place in places} == {1, 2, 3, 4}
    for place in places:
        half = int(ROOM * 300) - 1
        around = labels[
            place.row - half : place.row + half, place.column - half : place.column + half
        ]
        assert (around == place.number).all()


def test_numbers_keep_apart():
    places = number_places(stripes(), range(1, 5))
    assert len(places) > 4, "a long unit has its number more than once"
    for i, a in enumerate(places):
        for b in places[:i]:
            least = SAME if a.number == b.number else OTHER
            assert np.hypot(a.row - b.row, a.column - b.column) > least * 300


def test_a_unit_of_narrow_pieces_has_one_number_where_it_is_widest():
    labels = np.ones((300, 300), np.uint8)
    labels[40:44, :200] = labels[100:104, :200] = 2  # too narrow for a number of full size
    labels[200:206, 100:250] = 2
    second = [p for p in number_places(labels, [1, 2]) if p.number == 2]
    assert [(p.row in range(200, 206), 100 < p.column < 250) for p in second] == [(True, True)]


def test_no_number_without_room_or_where_there_are_too_many():
    speckle = np.indices((100, 100)).sum(axis=0) % 2 + 1
    assert number_places(speckle.astype(np.uint8), [1, 2]) == []
    many = np.repeat(np.arange(1, MOST + 2, dtype=np.uint8), 20)[None].repeat(100, axis=0)
    assert number_places(many, range(1, MOST + 2)) == []


def test_a_number_does_not_lie_on_the_edge_of_the_map():
    places = number_places(np.ones((50, 50), np.uint8), [1])
    assert all(min(p.row, p.column) >= 2 and max(p.row, p.column) <= 47 for p in places)
    assert abs(places[0].row - 24.5) < 1
    assert abs(places[0].column - 24.5) < 1
