"""Arguments that are refused, and arithmetic that gives NaN without a warning."""

import subprocess
import sys

import numpy as np
import pytest

from homog.metrics import checks


def test_ratio_and_log_never_warn():
    np.testing.assert_array_equal(checks.ratio([1, 0, 4], [0, 0, 2]), [np.nan, np.nan, 2])
    np.testing.assert_array_equal(checks.ratio(np.ones((2, 1)), [1, 0]), [[1, np.nan], [1, np.nan]])
    assert np.isnan(checks.ratio(np.nan, 2))
    np.testing.assert_array_equal(checks.log(np.array([0, 1])), [-np.inf, 0])


def test_arguments():
    assert checks.binary("x", [[0, 1.0]]).dtype == bool
    assert checks.classes(a=[True, False])[0].tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"b has 1 values, but a has 2"):
        checks.aligned(a=[1, 2], b=[1])
    with pytest.raises(ValueError, match=r"a has shape \(1, 1\)"):
        checks.aligned(a=[[1]])
    with pytest.raises(ValueError, match="a holds class -1"):
        checks.classes(a=[0, -1])
    with pytest.raises(ValueError, match=r"p\[1\]"):
        checks.probability_rows("p", [[0.5, 0.5], [-0.5, 1.5]])


def test_importing_the_measures_imports_nothing_heavy():
    code = (
        "import sys, importlib, pkgutil, homog.metrics as m\n"
        "[importlib.import_module('homog.metrics.' + x.name) for x in pkgutil.iter_modules(m.__path__)]\n"
        "print([x for x in ('torch', 'scipy', 'pandas', 'sklearn', 'statsmodels') if x in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
