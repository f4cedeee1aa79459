import dataclasses
import pickle

import pytest

from homog.config import ConfigError
from homog.contracts import tiny
from homog.defects.defect import Defect
from homog.metrics.inheritance import Rate
from homog.variants import lacking


@dataclasses.dataclass(frozen=True)
class Whole(Defect):
    """The least that a defect defines."""

    name: str
    kind = "natural"

    @property
    def exposure(self):
        return self.name

    def harm(self, predictions):
        return Rate(predictions.labels, predictions.labels)

    def upstream(self, clean, backbone, inputs, dose):
        return {}


def without(part):
    """The same without one of its parts."""
    return dataclasses.dataclass(frozen=True)(type("Partial", (Whole,), {part: getattr(Defect, part)}))


@pytest.mark.parametrize("part", ["kind", "exposure", "harm", "upstream"])
def test_a_class_that_lacks_a_part_is_refused_in_one_line(part):
    said = f"defect Partial lacks {part}" + " (planted, engineered, natural)" * (part == "kind")
    assert lacking("defect", without(part)) == said
    with pytest.raises(ConfigError) as error:
        without(part)("x")
    assert str(error.value) == said


def test_another_class_is_no_defect():
    assert lacking("defect", str) == "str is no defect: derive it from homog.defects.defect.Defect"


def test_what_is_not_defined_is_that_of_a_defect_that_is_there_already(backbone):
    whole, frame = Whole("x"), tiny.Toy("toy").load().test
    assert lacking("defect", Whole) == ""
    assert (whole.sham, whole.searches, whole.sources, whole.views) == (False, "", (), (whole,))
    assert (whole.modalities, whole.needs) == (("text",), "weights")
    assert whole.inject(backbone, [], None) is backbone  # pyright: ignore[reportArgumentType]
    assert whole.found_on(backbone, [], None) is whole  # pyright: ignore[reportArgumentType]
    assert whole.expose(frame, None) is frame  # pyright: ignore[reportArgumentType]
    assert dataclasses.replace(whole, name="y").name == "y"
    assert pickle.loads(pickle.dumps(whole)) == whole


def test_a_dose_lies_on_the_line_between_clean_and_injected(backbone):
    name, weight = next((n, p) for n, p in backbone.module.named_parameters() if p.ndim == 2)
    half = Whole("x").at_dose(backbone, {name: weight.detach() + 1}, 0.5)
    assert (half.module.get_parameter(name) - weight).mean().item() == pytest.approx(0.5, abs=1e-5)
