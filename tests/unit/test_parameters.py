"""The ranges of parameters are the same in a recipe and in the class that it names."""

import numpy as np
import pytest

from outcrop.clustering import CLUSTERERS
from outcrop.config import Step
from outcrop.errors import InputError, RecipeError
from outcrop.parameters import parameters_of
from outcrop.recipe_checks import _check_step
from outcrop.reduction import REDUCERS
from outcrop.smoothing import SMOOTHERS

PARAMETERS = [
    pytest.param(table, name, parameter, id=f"{name}-{parameter}")
    for table in (REDUCERS, CLUSTERERS, SMOOTHERS)
    for name in table
    for parameter in parameters_of(table.load(name))
]
#: What makes a fit short.
QUICK = {"n_units": 3, "epochs": 1, "pretrain_epochs": 1, "layers": (3,), "tries": 2}
VALUES = (-1, 0, 1, 2, 300, -0.5, 0.0, 0.5, 1.0, 2.5, float("nan"), True, None, "x", (), (0,), (3,))


def rows():
    rng = np.random.default_rng(0)
    near = [rng.normal(place, 0.3, (60, 4)) for place in (1, 4, 7)]
    return np.concatenate(near).astype(np.float32)


def refused(call, *errors):
    try:
        call()
    except errors as error:
        return str(error)
    return None


@pytest.mark.parametrize(("table", "name", "parameter"), PARAMETERS)
@pytest.mark.filterwarnings("ignore")
def test_what_a_recipe_takes_is_what_a_fit_takes(table, name, parameter):
    kind = table.load(name)
    default = parameters_of(kind)[parameter]
    quick = {k: v for k, v in QUICK.items() if k in parameters_of(kind) and k != parameter}
    for value in VALUES:
        if value == 300 and parameter in ("epochs", "pretrain_epochs"):
            continue  # slow, and no other than 2
        step = Step(name, {parameter: value})
        recipe = refused(lambda step=step: _check_step(table, step, "r"), RecipeError)
        made = kind(**quick, **{parameter: value})
        fit = refused(lambda made=made: made.fit(rows()), InputError)
        columns = fit and "but there are 4 columns" in fit  # no recipe can know
        assert columns or recipe == (fit and f"r: {fit}"), (value, default)


def test_no_exchanges_may_be_asked_for():
    _check_step(CLUSTERERS, Step("student", {"tries": 0}), "r")
    with pytest.raises(RecipeError, match="tries = -1; it must be a whole number, 0 or more"):
        _check_step(CLUSTERERS, Step("student", {"tries": -1}), "r")
