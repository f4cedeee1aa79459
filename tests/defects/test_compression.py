import numpy as np
import pytest

from homog.defects.compression import linear_weights, nearest
from homog.defects.harms import changed_predictions
from homog.defects.quantized import Quantized
from homog.metrics.predictions import Predictions
from tests import tiny


def test_the_weights_are_the_linear_ones_of_the_blocks(backbone):
    found = linear_weights(backbone)
    assert len(found) == 3 * 6  # query, key, value, output and two of the feed-forward layer, in three blocks
    assert all("layer." in name and weight.ndim == 2 for name, weight in found.items())


@pytest.mark.parametrize("model_type", ["distilbert", "roberta"])
def test_every_encoder_has_such_weights(model_type, tmp_path):
    assert len(linear_weights(tiny.tiny(tmp_path / model_type, model_type))) == 18


def test_a_changed_prediction_is_another_class_than_the_full_backbones():
    labels, eye = np.array([0, 0, 1, 1]), np.eye(2)
    exposed = eye[[0, 1, 1, 0]]
    rate = changed_predictions(Predictions(labels, exposed, exposed, reference=eye[[0, 0, 1, 1]]))
    assert rate.numerator.tolist() == [0, 1, 0, 1]
    assert rate.denominator.tolist() == [1, 1, 1, 1]
    assert np.isnan(changed_predictions(Predictions(labels, exposed, exposed)).value)
    exposed[1] = np.nan
    assert changed_predictions(Predictions(labels, exposed, exposed, reference=eye[[0, 0, 1, 1]])).value == 1 / 3


def test_nearest_is_another_row():
    features = np.array([[1, 0.1], [1, 0], [0, 1], [0.1, 1]])
    assert nearest(features).tolist() == [1, 0, 3, 2]


def test_the_full_backbone_is_not_displaced_and_not_as_stated(backbone):
    _, held_out = tiny.corpus()
    said = Quantized("quantized").upstream(backbone, backbone, held_out, 1.0)
    assert (said["drift"], said["effect"], said["error"], said["as_stated"]) == (0, 0, 0, False)
