"""Coverage of intervals and error rates of tests, simulated at the sizes of the studies: python -m tests.calibration.

Writes results/calibration/calibration.csv and .md: a row per function and setting, with the share that was seen, its
Monte Carlo standard error, and what it should be. With names of parts (means, ratios, joint, dealt, climbed) those
alone are simulated again, and the other rows stay.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from homog.metrics.independence import independence_p
from homog.metrics.nulls import ladder
from homog.metrics.paired import Sample, difference_interval
from homog.metrics.regression import sharing_coefficient
from homog.metrics.transfer import transmission_interval
from homog.report import layout, pages
from homog.wording import counted
from tests.metrics.test_nulls import models
from tests.metrics.test_regression import similar

FOLDER = Path("results") / "calibration"
REPLICATES = 800


def tasks(
    rng: np.random.Generator,
    seeds: int,
    number: int,
    spread: float,
    samples: int = 1,
    harm: float = 0.4,
    control: float = 0.1,
) -> list[Sample]:
    """Tasks of 120 examples: `harm` in the injected arm, moved by backbones and samples, `control` in the other."""
    backbone = spread * rng.standard_normal((1, seeds, 1)) + spread / 2 * rng.standard_normal((number, seeds, 1))
    level = backbone + 1.4 * spread * (samples > 1) * rng.standard_normal((number, 1, samples))
    made = []
    for task in level:
        rates = np.clip(harm + task, 0.001, 0.999).reshape(-1, 1)
        hard, own = rng.random((1, 120)), rng.random((len(rates), 120))
        turned = (np.where(rng.random((len(rates), 120)) < 0.5, hard, own) < rates).astype(float)
        beside = np.broadcast_to(rng.random((1, 120)) < control, turned.shape).astype(float)
        made.append(Sample(turned, np.ones_like(turned), beside, np.ones_like(turned), crossed=samples))
    return made


def means(rng: np.random.Generator) -> Iterator[tuple[str, str, Callable[[], bool], float]]:
    """Coverage of means over tasks, and type I errors of tests per task."""
    for seeds, number, spread in [(s, t, d) for s in (3, 5, 8) for t in (1, 8) for d in (0.0, 0.1)]:

        def covered(seeds=seeds, number=number, spread=spread) -> bool:
            interval = difference_interval(tasks(rng, seeds, number, spread))
            return bool(interval.low <= 0.3 <= interval.high)

        yield (
            "mean of inherited harm",
            f"{seeds} backbones, {counted(number, 'task')}, spread {spread:g}",
            covered,
            0.95,
        )

    def crossed() -> bool:
        interval = difference_interval(tasks(rng, 3, 8, 0.07, samples=3))
        return bool(interval.low <= 0.3 <= interval.high)

    yield "mean of inherited harm", "3 backbones x 3 training samples, 8 tasks, spread 0.07 and 0.1", crossed, 0.95
    for seeds in (3, 5):
        yield (
            "test of one task, no effect",
            f"{seeds} backbones, spread 0.1",
            lambda seeds=seeds: difference_interval(tasks(rng, seeds, 1, 0.1, control=0.4)).p < 0.05,
            0.05,
        )


def ratios(rng: np.random.Generator) -> Iterator[tuple[str, str, Callable[[], bool], float]]:
    """Transmission: coverage where there is harm upstream, and how often it is given where there is none."""

    def covered() -> bool:
        up, down = tasks(rng, 3, 8, 0.05, harm=0.5), tasks(rng, 3, 8, 0.05, harm=0.3)
        interval = transmission_interval(down, up)
        return bool(np.isnan(interval.value) or interval.low <= 0.5 <= interval.high)

    def given() -> bool:
        return not np.isnan(transmission_interval(tasks(rng, 3, 4, 0.05), tasks(rng, 3, 4, 0.0, harm=0.1)).value)

    yield "transmission", "3 backbones, 8 tasks, truly 0.5", covered, 0.95
    yield "transmission given, nothing upstream", "3 backbones, 4 tasks", given, 0.001


def joint(rng: np.random.Generator) -> Iterator[tuple[str, str, Callable[[], bool], float]]:
    """Type I errors against independent failures."""
    for k, n, error in ((2, 50, 0.3), (4, 120, 0.2), (8, 500, 0.15)):
        for measure in ("systemic_failure", "homogeneous_excess"):

            def rejected(k=k, n=n, error=error, measure=measure) -> bool:
                return independence_p(rng.random((k, n)) < error, measure) < 0.05

            yield f"{measure}, independent models", f"{k} models, {n} examples, error {error:g}", rejected, 0.05


def dealt(rng: np.random.Generator) -> Iterator[tuple[str, str, Callable[[], bool], float]]:
    """The same backbone: type I errors, coverage and power."""

    def coefficient(sizes: tuple[int, int], effect: float) -> Any:
        return sharing_coefficient(*similar(rng, sizes, effect), {})

    for sizes in ((27, 1), (27, 3), (15, 15)):
        said = f"{sizes[0]} against {sizes[1]} models"
        yield "same backbone, no effect", said, lambda sizes=sizes: coefficient(sizes, 0.0).p < 0.05, 0.05
        yield "same backbone, effect 0.2: found", said, lambda sizes=sizes: coefficient(sizes, 0.2).p < 0.05, 1.0

        def covered(sizes=sizes) -> bool:
            found = coefficient(sizes, 0.2)
            return bool(found.low <= 0.2 <= found.high)

        yield "same backbone, effect 0.2: covered", said, covered, 0.95


def climbed(rng: np.random.Generator) -> Iterator[tuple[str, str, Callable[[], bool], float]]:
    """The ladder's last rung, at the size of eras: type I errors where nothing but difficulty is shared, and power."""
    for backbones, shared in ((5, 0.0), (2, 0.0), (5, 0.7)):

        def told(backbones=backbones, shared=shared) -> bool:
            return ladder(*models(backbones, 4, n=400, shared=shared, rng=rng))[-1].p < 0.05

        what = "ladder, effect of the backbone: found" if shared else "ladder, no effect of the backbone"
        yield what, f"{backbones} backbones x 4 models, 400 examples", told, 1.0 if shared else 0.05


PARTS = {part.__name__: part for part in (means, ratios, joint, dealt, climbed)}
SLOW = (dealt, climbed)


def main(names: Sequence[str]) -> None:
    """Simulate everything, or the parts of these names, and write the table."""
    import homog.metrics.regression as regression

    regression.PERMUTATIONS = 299
    rows = []
    for kind in [PARTS[name] for name in names or PARTS]:
        rng = np.random.default_rng(0)
        for name, setting, event, nominal in kind(rng):
            began, number = time.perf_counter(), REPLICATES if kind not in SLOW else REPLICATES // 4
            seen = np.mean([event() for _ in range(number)])
            row = {"what": name, "setting": setting, "share": seen, "error": (seen * (1 - seen) / number) ** 0.5}
            rows.append(row | {"nominal": nominal, "replicates": number})
            print(f"{name}, {setting}: {seen:.3f} ({nominal:g}), {time.perf_counter() - began:.0f} s", flush=True)
    frame = pd.DataFrame(rows)
    if names:
        before = pd.read_csv(FOLDER / "calibration.csv")
        frame = pd.concat([before[~before["what"].isin(frame["what"])], frame], ignore_index=True)
    pages.write(FOLDER / "calibration.csv", pages.csv(frame))
    text = "# Calibration\n\nMade by `make calibration`. Share: the interval holds the truth, the test rejects."
    pages.write(FOLDER / "calibration.md", f"{text}\n\n{layout.markdown(layout.display(frame))}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
