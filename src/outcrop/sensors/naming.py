"""Which band of a file is which: from the file, the sensor and what the user says."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from outcrop.errors import SceneError, unknown_name
from outcrop.sensors.base import Band, Sensor, bands_within
from outcrop.sensors.spectrometer import ALL, without_bad, without_overlap

#: A wavelength names a band whose centre is this near, in micrometres.
NEAR_UM = 0.03
#: Ranges of common names in the STAC EO extension, in micrometres, with where the bands of Landsat
#: and Sentinel-2 that have the name lie.
_COMMON_UM = {
    "blue": (0.45, 0.485, 0.53),
    "green": (0.51, 0.56, 0.60),
    "red": (0.62, 0.66, 0.69),
    "nir": (0.76, 0.85, 1.00),
    "swir16": (1.55, 1.61, 1.75),
    "swir22": (2.08, 2.20, 2.35),
}
_TOKEN = re.compile(r"(?<![A-Za-z0-9])B\d{1,2}[AN]?(?![A-Za-z0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class FileBand:
    """What a file says of one of its bands; wavelengths in micrometres.

    ``bad`` is a file's own word that a band holds nothing of the ground.
    """

    description: str | None = None
    wavelength_um: float | None = None
    fwhm_um: float | None = None
    bad: bool = False


def name_bands(
    where: str,
    file_bands: Sequence[FileBand],
    sensor: Sensor | None,
    labels: Sequence[str] | None,
) -> list[tuple[int, Band]]:
    """Decide which bands of a file are used and what they are.

    Where the file names its bands (by a description or a wavelength), ``labels`` chooses
    among them, or among those of the sensor's usual files of as many bands; where it does not,
    ``labels`` names them in the order of the file.

    Parameters
    ----------
    where : str
        The file, for messages.
    file_bands : sequence of FileBand
    sensor : Sensor or None
    labels : sequence of str or None
        Sensor's band names, STAC common names, wavelengths in micrometres, ranges of them
        (``2.0-2.5``, without bad bands), or ``all``.

    Returns
    -------
    list of (int, Band)
        0-based position in the file, and the band.

    Raises
    ------
    SceneError
        If the count does not fit, or a label is unknown.
    """
    own = _bands_from_file(file_bands, sensor)
    if labels is not None:
        if [label.lower() for label in labels] == [ALL]:
            return own or [(i, Band(f"band {i + 1}")) for i in range(len(file_bands))]
        if own is None and sensor is not None and len(labels) < len(file_bands):
            own = _usual_stack(where, len(file_bands), sensor, required=False)
        if own is not None:
            bad = {i for i, b in enumerate(file_bands) if b.bad}
            chosen = [pair for x in labels for pair in _choose_all(where, x, own, bad)]
        else:
            chosen = _label_in_order(where, len(file_bands), sensor, labels)
        _refuse_twice([band.name for _, band in chosen])
        return chosen
    if own is None and sensor is not None:
        own = _usual_stack(where, len(file_bands), sensor)
    if own is None:
        return [(i, Band(f"band {i + 1}")) for i in range(len(file_bands))]
    return _only_default(own, sensor)


def choose_spectral(
    where: str,
    file_bands: Sequence[FileBand],
    labels: Sequence[str] | None,
    second: Collection[int] = (),
) -> tuple[list[tuple[int, Band]], list[str]]:
    """Choose among a spectrometer's bands: without labels, the good ones by wavelength.

    Parameters
    ----------
    where, file_bands, labels
        As of `name_bands`.
    second : collection of int
        Positions of the bands of a second detector that overlaps the first.

    Returns
    -------
    bands : list of (int, Band)
    notes : list of str
        What was left out and why.
    """
    chosen = name_bands(where, file_bands, None, labels)
    if labels is not None:
        return chosen, []
    chosen, bad = without_bad(chosen, {i for i, b in enumerate(file_bands) if b.bad})
    chosen, double = without_overlap(chosen, second)
    return chosen, [*bad, *double]


def _bands_from_file(
    file_bands: Sequence[FileBand], sensor: Sensor | None
) -> list[tuple[int, Band]] | None:
    """Return the bands as the file itself names them, or None where it does not."""
    if sensor is not None:
        found = [_sensor_band(b, sensor) for b in file_bands]
        if not any(found):  # names with more in them than that of a band
            found = [_sensor_band(replace(b, description=_token(b)), sensor) for b in file_bands]
        # What the sensor doesn't know (a quality band, say) is left out, never counted along.
        named = [(i, b) for i, b in enumerate(found) if b is not None]
        return named if named and len({b.name for _, b in named}) == len(named) else None
    if all(b.description or b.wavelength_um for b in file_bands):
        names = [b.description or f"{b.wavelength_um:g} um" for b in file_bands]
        if len(set(names)) < len(names) and all(b.wavelength_um for b in file_bands):
            names = [f"{b.wavelength_um:g} um" for b in file_bands]
        if len(set(names)) == len(names):
            bands = [
                Band(n, b.wavelength_um, b.fwhm_um) for n, b in zip(names, file_bands, strict=True)
            ]
            return list(enumerate(_with_common_names(bands)))
    return None


def _with_common_names(bands: Sequence[Band]) -> list[Band]:
    """Give each common name to the band nearest to the middle of its range, if one is inside."""
    named = list(bands)
    for name, (low, middle, high) in _COMMON_UM.items():
        if inside := bands_within(bands, low, middle, high):
            named[inside[0]] = replace(named[inside[0]], common_name=name)
    return named


def _token(band: FileBand) -> str | None:
    """Return the one band that a description speaks of: ``B2 - Blue``, ``T33SVB_B02_20m``.

    ``Band 2`` is none: it only counts the bands of a file, whichever they are.
    """
    found = {t.upper() for t in _TOKEN.findall(band.description or "")}
    return found.pop() if len(found) == 1 else None


def _sensor_band(band: FileBand, sensor: Sensor) -> Band | None:
    if band.description:
        try:
            return sensor.band(band.description)
        except SceneError:
            pass
    um = band.wavelength_um
    if um is not None:
        near = min(sensor.bands, key=lambda b: abs((b.wavelength_um or 0) - um))
        if abs((near.wavelength_um or 0) - um) <= NEAR_UM:
            return near
    return None


def _choose_all(
    where: str, label: str, own: Sequence[tuple[int, Band]], bad: Collection[int]
) -> list[tuple[int, Band]]:
    """Return the bands that a label means: one, or the good ones in a range of wavelengths."""
    ends = re.fullmatch(r"\s*(\d*\.?\d+)\s*-\s*(\d*\.?\d+)\s*", label)
    if ends is None:
        return [_choose(where, label, own)]
    low, high = float(ends[1]), float(ends[2])
    known = [pair for pair in own if pair[1].wavelength_um is not None]
    inside = [pair for pair in known if low <= (pair[1].wavelength_um or 0) <= high]
    if not inside:
        reach = [pair[1].wavelength_um or 0 for pair in known]
        has = f"they lie at {min(reach):g}-{max(reach):g} um" if reach else "none has a wavelength"
        raise SceneError(f"{where}: no band between {low:g} and {high:g} um; {has}")
    good = {i for i, _ in without_bad(own, bad)[0]}
    return [pair for pair in inside if pair[0] in good]


def _choose(where: str, label: str, own: Sequence[tuple[int, Band]]) -> tuple[int, Band]:
    wanted = label.strip().lower()
    for index, band in own:
        if wanted in (band.name.lower(), (band.common_name or "").lower()):
            return index, band
    # B2 and B02 are one band, whatever the file writes.
    as_sensor = Sensor("", where, tuple(b for _, b in own), (), (), "")
    try:
        band = as_sensor.band(label)
        return next(pair for pair in own if pair[1] is band)
    except SceneError:
        pass
    um = _number(label)
    known = [pair for pair in own if pair[1].wavelength_um is not None]
    if um is not None and known:
        index, band = min(known, key=lambda pair: abs((pair[1].wavelength_um or 0) - um))
        if abs((band.wavelength_um or 0) - um) <= NEAR_UM:
            return index, band
        raise SceneError(
            f"{where}: no band within {NEAR_UM} um of {um:g} um; the nearest is {band.name} at "
            f"{band.wavelength_um:g} um (wavelengths are in micrometres)"
        )
    raise SceneError(f"{where}: " + unknown_name("band", label, [b.name for _, b in own]))


def _label_in_order(
    where: str, count: int, sensor: Sensor | None, labels: Sequence[str]
) -> list[tuple[int, Band]]:
    if len(labels) != count:
        raise SceneError(
            f"{where} has {_counted(count)} and does not name them, so --bands must name all "
            f"{count} in the order of the file; it names {len(labels)}: {', '.join(labels)}"
        )
    return list(enumerate(_label(where, label, sensor) for label in labels))


def _refuse_twice(names: Sequence[str]) -> None:
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise SceneError(f"--bands names {', '.join(twice)} more than once; each band once")


def _label(where: str, label: str, sensor: Sensor | None) -> Band:
    if label.isdecimal():
        raise SceneError(
            f"--bands: {label} may be a band or a wavelength: write B{label} (with --sensor), or "
            f"{label}.0 for micrometres"
        )
    um = _number(label)
    if um is not None:
        if not 0.2 <= um <= 20:
            raise SceneError(
                f"--bands: {label} is not a wavelength in micrometres between 0.2 and 20"
            )
        known = _sensor_band(FileBand(wavelength_um=um), sensor) if sensor else None
        return known or Band(f"{um:g} um", um)
    if sensor is None and label.lower() in _COMMON_UM:
        return Band(label.lower(), common_name=label.lower())
    if sensor is None:
        raise SceneError(
            f"{where}: band {label!r} means nothing without a sensor; add --sensor, or give "
            f"wavelengths in micrometres or common names ({', '.join(_COMMON_UM)})"
        )
    return sensor.band(label)


def _usual_stack(
    where: str, count: int, sensor: Sensor, *, required: bool = True
) -> list[tuple[int, Band]] | None:
    for stack in sensor.stacks:
        if len(stack) == count:
            return [(i, sensor.band(name)) for i, name in enumerate(stack)]
    if not required:
        return None
    usual = ", ".join(f"{len(s)} ({s[0]}-{s[-1]})" for s in sensor.stacks)
    raise SceneError(
        f"{where} has {_counted(count)} and does not name them; {sensor.title} files usually have "
        f"{usual}: name the bands in the order of the file with --bands"
    )


def _counted(bands: int) -> str:
    return "one band" if bands == 1 else f"{bands} bands"


def _only_default(own: Sequence[tuple[int, Band]], sensor: Sensor | None) -> list[tuple[int, Band]]:
    """Keep the sensor's sunlit-surface bands, if the file has any of them."""
    if sensor is None:
        return list(own)
    default = [pair for pair in own if pair[1].name in sensor.default]
    return default or list(own)


def _number(label: str) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None


def with_quantity(band: Band, scaled: bool) -> Band:
    """Mark a band as reflectance once its scale is known and its wavelength is the sun's.

    Without a wavelength the scale is taken to be reflectance's, which is what ``--scale``
    says it gives; thermal bands stay unknown until a product says what they hold.
    """
    if band.quantity == "feature":  # of a model, on no scale but its own
        return band
    sunlit = band.wavelength_um is None or band.wavelength_um < 3.0
    return replace(band, quantity="reflectance" if scaled and sunlit else "unknown")
