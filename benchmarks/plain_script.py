"""A map as many would write it in an afternoon: SCENE OUT UNITS COMPONENTS."""

import sys

import numpy as np
import rasterio
from scipy.ndimage import uniform_filter
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SAMPLE = 200_000


def main() -> None:
    scene, out, units, components = *sys.argv[1:3], *map(int, sys.argv[3:5])
    with rasterio.open(scene) as dataset:
        cube, profile, nodata = dataset.read(), dataset.profile, dataset.nodata
    there = (cube != nodata).all(axis=0)
    rows = cube[:, there].T.astype(np.float32)
    some = rows[np.random.default_rng(0).permutation(len(rows))[:SAMPLE]]
    steps = StandardScaler(), PCA(components), KMeans(units, n_init=1, random_state=0)
    labels = np.zeros(there.shape, np.uint8)
    labels[there] = make_pipeline(*steps).fit(some).predict(rows) + 1
    votes = np.zeros(labels.shape, np.float32)
    filtered = np.zeros_like(labels)
    for unit in range(1, units + 1):
        share = uniform_filter((labels == unit).astype(np.float32), 7)
        filtered[share > votes] = unit
        votes = np.maximum(votes, share)
    profile.update(count=1, dtype="uint8", nodata=0)
    with rasterio.open(out, "w", **profile) as sink:
        sink.write(np.where(there, filtered, 0).astype(np.uint8), 1)


if __name__ == "__main__":
    main()
