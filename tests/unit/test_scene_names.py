from pathlib import Path

import pytest

from outcrop.scene_names import joint_name, scene_title, short_name, without_folders


@pytest.mark.parametrize(
    ("paths", "name", "title"),
    [
        (["zion/landsat_b2.tif"], "zion/landsat_b2.tif", "landsat_b2"),
        (["zion/landsat_b2.tif", "zion/landsat_b3.tif"], "zion/landsat_*", "landsat"),
        (["LC08_T1_SR_B2.TIF", "LC08_T1_SR_B10.TIF"], "LC08_T1_SR_*", "LC08_T1_SR"),
        (["R10m/T33_B02_10m.jp2", "R20m/T33_B11_20m.jp2"], "R10m/T33_*", "T33"),
        (["zion/B2.tif", "zion/B3.tif"], "zion/*", "zion"),
        (["zion/red.tif", "zion/rededge.tif"], "zion/*", "zion"),
        (["a/scene.tif", "b/scene.tif"], "a/scene*", "scene"),
    ],
)
def test_scene_of_several_files_has_one_name(paths, name, title):
    assert joint_name(paths) == name
    assert scene_title(name) == title


def test_files_without_a_folder_and_a_common_word_are_called_as_where_they_lie():
    assert scene_title(joint_name(["B2.tif", "B3.tif"])) == Path.cwd().name


def test_map_of_several_scenes_says_how_many():
    name = "/data/a.tif + /data/b.tif + zion/*"
    assert scene_title(name) == "a and 2 more"
    assert short_name(name) == "a.tif + b.tif + zion/*"
    assert without_folders("/data/b.tif is dark", name) == "b.tif is dark"
