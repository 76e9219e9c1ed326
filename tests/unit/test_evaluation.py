"""References of every kind brought onto a map's grid."""

import json
import os
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.warp import Resampling, reproject, transform_bounds

from outcrop.errors import InputError, ReferenceMapError
from outcrop.evaluation import evaluate, grid, score_labels

DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[3] / "shared" / "data"))
UTM = "EPSG:32754"
AT = Affine(30, 0, 600_000, 0, -30, 6_550_000)


def write(path, values, *, crs=UTM, transform=AT, nodata=None, **more):
    values = np.atleast_3d(values.T).T
    count, height, width = values.shape
    if transform is not None:
        more["transform"] = transform
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width}
    profile |= {"dtype": values.dtype, "crs": crs, "nodata": nodata}
    with rasterio.open(path, "w", **profile, **more) as target:
        target.write(values)
    return path


def units_of(shape=(60, 80), seed=0):
    random = np.random.default_rng(seed)
    labels = np.kron(random.integers(0, 6, (shape[0] // 5, shape[1] // 5)), np.ones((5, 5)))
    return labels.astype(np.uint8)


@pytest.fixture
def mapped(tmp_path):
    return write(tmp_path / "units.tif", units_of(), nodata=0)


def same(evaluation, expected):
    for key, value in expected.items():
        found = getattr(evaluation, key)
        assert found == (pytest.approx(value) if isinstance(value, float) else value), key


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("rows", [None, 7])
def test_raster_on_the_same_grid(mapped, tmp_path, monkeypatch, dtype, rows):
    truth = (units_of(seed=1) + units_of() * 3).astype(dtype)
    reference = write(tmp_path / "truth.tif", truth, nodata=5)
    if rows:
        monkeypatch.setattr(grid, "WINDOW_PIXELS", rows * 80)
    result = evaluate(mapped, reference)
    same(result, score_labels(truth.astype(int), units_of(), truth == 5))
    assert result.notes == ()


def test_zero_is_a_class_and_ignore_replaces_the_tag(mapped, tmp_path):
    truth = units_of(seed=1)
    untagged = write(tmp_path / "a.tif", truth)
    assert evaluate(mapped, untagged).confusion["classes"] == [0, 1, 2, 3, 4, 5]
    tagged = write(tmp_path / "b.tif", truth, nodata=5)
    assert evaluate(mapped, tagged).confusion["classes"] == [0, 1, 2, 3, 4]
    assert evaluate(mapped, tagged, ignore=[0, "3"]).confusion["classes"] == [1, 2, 4, 5]
    assert evaluate(mapped, tagged, ignore=[]).confusion["classes"] == [0, 1, 2, 3, 4, 5]


def test_an_image_for_a_map_is_refused(mapped, tmp_path):
    image = write(tmp_path / "image.tif", np.ones((3, 60, 80), np.uint16))
    with pytest.raises(InputError, match="has 3 bands, as an image has; give the map first"):
        evaluate(image, mapped)


def test_an_image_for_a_reference_is_doubted(mapped, tmp_path):
    rng = np.random.default_rng(0)
    image = write(tmp_path / "image.tif", rng.integers(1, 9999, (60, 80)).astype("u2"))
    assert "different values, as an image does" in evaluate(mapped, image).notes[-1]


def test_a_background_of_zeros_is_doubted_unless_something_is_ignored(mapped, tmp_path):
    truth = np.zeros((60, 80), np.uint8)
    truth[:3, :8] = 1
    sparse = write(tmp_path / "sparse.tif", truth)
    assert evaluate(mapped, sparse).notes == (
        "the commonest class of the reference is 0, with 99.5% of its pixels; if 0 means that "
        "there is no label, add --ignore 0",
    )
    found = evaluate(mapped, sparse, ignore=[0])
    assert (found.n, found.notes) == (24, ())
    truth[:, 8:] = 2
    assert evaluate(mapped, write(tmp_path / "full.tif", truth)).notes == ()


def test_nan_is_never_a_class(mapped, tmp_path):
    truth = units_of(seed=1).astype(np.float32)
    truth[:20] = np.nan
    truth[20:22] = -3.4e38
    reference = write(tmp_path / "truth.tif", truth, nodata=-3.4e38)
    result = evaluate(mapped, reference)
    assert result.n == 38 * 80
    assert evaluate(mapped, reference, ignore=[1, -3.4e38]).n == int((truth[22:] != 1).sum())


def test_labelled_but_unmapped_pixels_are_errors(mapped, tmp_path):
    reference = write(tmp_path / "truth.tif", units_of() + np.uint8(10))
    result = evaluate(mapped, reference)
    share = (units_of() > 0).mean()
    assert result.n == 4800
    assert result.coverage == result.overall_accuracy == result.purity == share
    assert result.confusion["unmapped"][0] == (units_of() == 0).sum()
    assert result.assignment == {unit: unit + 10 for unit in range(1, 6)}


@pytest.mark.parametrize("nodata", [None, 9])
@pytest.mark.parametrize("ignore", [None, [9], [2]])
def test_reprojected_raster_equals_gdal(mapped, tmp_path, nodata, ignore):
    # Geographic, finer, covering a part of the map; 9 in places.
    west, south, east, north = transform_bounds(
        UTM, "EPSG:4326", 600_300, 6_548_500, 602_000, 6_549_900
    )
    truth = np.kron(units_of((60, 60), 4), np.ones((2, 2))).astype(np.uint8)
    truth[30:50] = 9
    at = Affine((east - west) / 120, 0, west, 0, (south - north) / 120, north)
    reference = write(tmp_path / "t.tif", truth, crs="EPSG:4326", transform=at, nodata=nodata)
    result = evaluate(mapped, reference, ignore=ignore)
    onto = np.full((60, 80), 200, np.uint8)
    reproject(truth, onto, src_transform=at, src_crs="EPSG:4326", dst_transform=AT, dst_crs=UTM,
              dst_nodata=200, src_nodata=201, resampling=Resampling.nearest)  # fmt: skip
    unlabelled = np.isin(onto, [200, *(ignore or ([nodata] if nodata else []))])
    assert 500 < result.n < 4000
    same(result, score_labels(onto, units_of(), unlabelled))
    assert "reprojected from EPSG:4326 to the map's EPSG:32754" in result.notes[0]


@pytest.mark.parametrize("rows", [None, 7])
def test_shifted_raster_of_the_same_crs(mapped, tmp_path, monkeypatch, rows):
    if rows:
        monkeypatch.setattr(grid, "WINDOW_PIXELS", rows * 80)
    reference = write(tmp_path / "t.tif", units_of(), transform=AT * Affine.translation(3, 2))
    result = evaluate(mapped, reference)
    same(result, score_labels(units_of()[:-2, :-3], units_of()[2:, 3:]))
    assert "resampled" in result.notes[0]


def test_rotated_map(tmp_path):
    at = AT * Affine.rotation(30)
    labels = units_of()
    turned = write(tmp_path / "u.tif", labels, transform=at, nodata=0)
    assert evaluate(turned, write(tmp_path / "t.tif", labels, transform=at)).notes == ()
    # The same ground on a fine grid of no rotation.
    wide = np.zeros((1000, 1000), np.uint8)
    fine = Affine(4, 0, 600_000 - 100, 0, -4, 6_550_000 + 1300)
    reproject(labels, wide, src_transform=at, src_crs=UTM, dst_transform=fine, dst_crs=UTM,
              dst_nodata=99, src_nodata=98, init_dest_nodata=True)  # fmt: skip
    reference = write(tmp_path / "f.tif", wide, transform=fine, nodata=99)
    result = evaluate(turned, reference)
    assert result.overall_accuracy / result.coverage > 0.99


def test_raster_with_an_alpha_band(mapped, tmp_path):
    truth = np.stack([units_of(), np.full((60, 80), 255, np.uint8)])
    truth[1, :30] = 0
    with rasterio.open(
        tmp_path / "t.tif", "w", driver="GTiff", count=2, height=60, width=80, dtype="uint8",
        crs=UTM, transform=AT * Affine.translation(0, 1), photometric="minisblack", alpha="yes",
    ) as target:  # fmt: skip
        target.write(truth)
    result = evaluate(mapped, tmp_path / "t.tif")
    assert result.n == 29 * 80
    assert "2 bands" in result.notes[0]


@pytest.mark.parametrize(
    ("crs_map", "crs_reference", "said"),
    [(None, None, "neither"), (None, UTM, "the map has no"), (UTM, None, "the reference has no")],
)
def test_missing_crs(tmp_path, crs_map, crs_reference, said):
    units = write(tmp_path / "u.tif", units_of(), crs=crs_map, nodata=0)
    truth = write(tmp_path / "t.tif", units_of() + np.uint8(1), crs=crs_reference, transform=None)
    result = evaluate(units, truth)
    assert said in result.notes[0]
    assert "pixel by pixel" in result.notes[0]
    assert result.overall_accuracy == result.coverage
    small = write(tmp_path / "s.tif", units_of((50, 80)), crs=crs_reference)
    with pytest.raises(ReferenceMapError, match=r"50 x 80 pixels.*60 x 80.*give both a CRS"):
        evaluate(units, small)


def polygons(path, crs=UTM, **columns):
    west, east = (
        shapely.box(600_000, 6_548_200, 601_200, 6_550_000),
        shapely.box(601_200, 6_549_100, 602_400, 6_550_000),
    )
    frame = geopandas.GeoDataFrame(columns, geometry=[west, east], crs=UTM)
    frame = frame.to_crs(crs) if crs else frame.set_crs(None, allow_override=True)
    frame.to_file(path)
    return path


def two_halves():
    truth = np.zeros((60, 80), int)
    truth[:, :40], truth[:30, 40:] = 1, 2
    return truth


@pytest.mark.parametrize("rows", [None, 7])
@pytest.mark.parametrize("name", ["t.gpkg", "t.geojson", "t.shp"])
def test_polygons(mapped, tmp_path, monkeypatch, name, rows):
    if rows:
        monkeypatch.setattr(grid, "WINDOW_PIXELS", rows * 80)
    crs = "EPSG:4326" if name.endswith("json") else UTM
    path = polygons(tmp_path / name, crs, rock=["shale", "granite"], code=[7, 3])
    truth = two_halves()
    result = evaluate(mapped, path, field="code")
    same(result, score_labels(np.array([0, 7, 3])[truth], units_of(), truth == 0))
    named = evaluate(mapped, path, field="rock")
    assert named.confusion["classes"] == ["granite", "shale"]
    assert named.n == result.n == 60 * 40 + 30 * 40
    assert named.ari == pytest.approx(result.ari)
    assert evaluate(mapped, path, field="rock", ignore=["shale"]).n == 30 * 40
    assert evaluate(mapped, path, field="code", ignore=["7"]).n == 30 * 40
    assert bool(result.notes) == (crs != UTM)


def test_polygons_without_a_class_and_of_other_kinds(mapped, tmp_path):
    shapes = [
        shapely.box(600_000, 6_549_400, 600_300, 6_550_000),
        shapely.box(600_000, 6_549_700, 600_300, 6_550_000),
        shapely.box(600_300, 6_549_700, 600_600, 6_550_000),
        shapely.box(600_600, 6_549_700, 600_900, 6_550_000),
        shapely.Point(601_015, 6_549_985),
        shapely.LineString([(601_000, 6_549_000), (602_000, 6_549_000)]),
    ]
    rock = ["a", "b", None, " ", "c", "d"]
    frame = geopandas.GeoDataFrame({"rock": rock}, geometry=shapes, crs=UTM)
    frame.to_file(tmp_path / "t.gpkg")
    result = evaluate(mapped, tmp_path / "t.gpkg", field="rock")
    # The later polygon counts where two overlap; the line labels nothing, and that is said.
    assert result.n == 201
    assert result.confusion["classes"] == ["a", "b", "c"]
    assert sum(result.confusion["counts"][0]) + result.confusion["unmapped"][0] == 100
    assert "1 lines" in result.notes[0]


def test_polygons_without_crs(mapped, tmp_path):
    path = polygons(tmp_path / "t.shp", None, code=[7, 3])
    result = evaluate(mapped, path, field="code")
    assert result.n == 60 * 40 + 30 * 40
    assert "no CRS in the reference" in result.notes[0]


@pytest.mark.parametrize("sign", [1, -1])
def test_polygons_drawn_over_a_map_without_crs(tmp_path, sign):
    units = write(tmp_path / "u.tif", units_of(), crs=None, transform=None, nodata=0)
    box = shapely.box(0, 0, 40, sign * 10)
    geopandas.GeoDataFrame({"code": [1]}, geometry=[box]).to_file(tmp_path / "t.shp")
    result = evaluate(units, tmp_path / "t.shp", field="code")
    assert result.n == 400
    assert ("QGIS" in result.notes[0]) == (sign < 0)


def test_scores_say_what_they_mean(mapped, tmp_path):
    result = evaluate(mapped, polygons(tmp_path / "t.shp", None, code=[7, 3]), field="code")
    shown = str(result).splitlines()
    assert shown[0].startswith("pixels                  3600  of the reference that lie on the map")
    assert shown[2].startswith(f"overall accuracy      {result.overall_accuracy:.4f}  share that")
    assert shown[7].startswith(f"AMI                   {result.ami:.4f}  ")
    assert max(map(len, shown[:9])) < 100


def test_field_and_layer_are_named(mapped, tmp_path):
    path = polygons(tmp_path / "t.gpkg", rock=["shale", "granite"], when=["x", "y"])
    with pytest.raises(ReferenceMapError, match=r"--field.*rock, when"):
        evaluate(mapped, path)
    with pytest.raises(
        ReferenceMapError, match=r"unknown field 'rocks'.*'rock'.*known: rock, when"
    ):
        evaluate(mapped, path, field="rocks")
    with pytest.raises(ReferenceMapError, match="unknown layer"):
        evaluate(mapped, path, field="rock", layer="other")
    frame = geopandas.read_file(path).rename(columns={"rock": "unit"})
    frame.to_file(path, layer="second")
    assert evaluate(mapped, path, field="unit").n > 0


def test_a_field_of_measurements(mapped, tmp_path):
    path = polygons(tmp_path / "t.gpkg", depth=[1.5, 2.0])
    with pytest.raises(ReferenceMapError, match=r"'depth'.*holds no classes"):
        evaluate(mapped, path, field="depth")
    path = polygons(tmp_path / "u.gpkg", depth=[np.nan, 2.0])
    assert evaluate(mapped, path, field="depth").confusion["classes"] == [2]


@pytest.mark.parametrize("bands", [1, 2, 3, 6])
def test_beyond_a_reference_of_any_number_of_bands_nothing_is_labelled(mapped, tmp_path, bands):
    part = np.stack([units_of()[:30, :40]] * bands) + 1
    reference = write(tmp_path / "t.tif", part, transform=AT * Affine.translation(0.5, 0.5))
    result = evaluate(mapped, reference)
    assert 0 not in result.confusion["classes"]
    assert result.n == pytest.approx(30 * 40, abs=80)
    far = write(tmp_path / "f.tif", part, transform=AT, crs="EPSG:32639")
    with pytest.raises(ReferenceMapError, match="does not overlap"):
        evaluate(mapped, far)


def test_no_overlap(mapped, tmp_path):
    far = write(tmp_path / "t.tif", units_of(), transform=AT * Affine.translation(500, 0))
    with pytest.raises(ReferenceMapError, match="does not overlap the map, which spans 600000"):
        evaluate(mapped, far)
    frame = geopandas.GeoDataFrame({"c": [1]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:4326")
    frame.to_file(tmp_path / "t.gpkg")
    with pytest.raises(ReferenceMapError, match="does not overlap"):
        evaluate(mapped, tmp_path / "t.gpkg", field="c")


def test_what_cannot_be_read(mapped, tmp_path):
    junk = tmp_path / "junk.tif"
    junk.write_text("no raster")
    raster = write(tmp_path / "t.tif", units_of())
    measured = write(tmp_path / "m.tif", np.full((60, 80), 0.37, np.float32))
    blank = write(tmp_path / "b.tif", np.full((60, 80), 7, np.uint8), nodata=7)
    for reference, options, said in [
        (tmp_path / "none.tif", {}, "does not exist"),
        (junk, {}, "neither a raster nor vectors"),
        (junk, {"field": "x"}, "neither a raster nor vectors"),
        (raster, {"field": "x"}, "a field is for polygons"),
        (measured, {}, "0.37, which is no class number"),
        (blank, {}, "labels no pixel"),
        (raster, {"ignore": ["shale"]}, "cannot ignore 'shale'"),
    ]:
        with pytest.raises(ReferenceMapError, match=said):
            evaluate(mapped, reference, **options)
    with pytest.raises(InputError, match=r"map .* does not exist"):
        evaluate(tmp_path / "none.tif", raster)
    with pytest.raises(InputError, match="no raster that GDAL opens"):
        evaluate(junk, raster)


def test_a_truncated_reference(mapped, tmp_path):
    noise = np.random.default_rng(0).integers(0, 200, (400, 400), dtype=np.uint8)
    path = write(tmp_path / "t.tif", noise)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ReferenceMapError, match=r"t\.tif"):
        evaluate(mapped, path)


def test_the_folder_of_a_run_stands_for_its_map(mapped, tmp_path):
    reference = write(tmp_path / "t.tif", units_of(seed=1))
    assert evaluate(tmp_path, reference) == evaluate(mapped, reference)


def test_result_is_ready_for_json(mapped, tmp_path):
    reference = write(tmp_path / "t.tif", units_of(seed=1))
    seen = []
    result = evaluate(mapped, reference, progress=lambda *step: seen.append(step))
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == result.to_dict()
    assert set(result.to_dict()) == {
        "n", "coverage", "overall_accuracy", "balanced_accuracy", "purity", "kappa", "nmi",
        "ami", "ari", "assignment", "confusion", "notes",
    }  # fmt: skip
    assert seen == [(1, 1)]


def test_sparse_codes(mapped, tmp_path):
    codes = np.array([-(2**30), 0, 5, 10**6, 2**30, 7], np.int32)
    truth = codes[units_of(seed=1)]
    result = evaluate(mapped, write(tmp_path / "t.tif", truth))
    same(result, score_labels(truth, units_of()))


@pytest.mark.real_data
def test_rock_units_at_two_resolutions(tmp_path):
    folder = DATA / "mutawintji"
    if not folder.exists():
        pytest.skip(f"the real rock units are not in {folder}; set OUTCROP_DATA")
    with rasterio.open(folder / "Wilcannia_RockUnits_30m.tif") as source:
        values, profile = source.read(1), source.profile
    labels = np.where(values == 15, 0, values + 1).astype(np.uint8)
    units = write(tmp_path / "u.tif", labels, crs=profile["crs"], transform=profile["transform"])
    result = evaluate(units, folder / "Wilcannia_RockUnits_15m.tif")
    assert result.confusion["classes"] == list(range(15))
    assert result.assignment == {unit: unit - 1 for unit in range(1, 16)}
    assert 0.95 < result.overall_accuracy < 1
