import numpy as np
import pytest

from homog.seeding import entropy, generator


def test_a_stream_does_not_depend_on_what_was_drawn_before():
    first = generator("inject", "backdoor", 3).random(4)
    generator("sample", "trec", 0).random(100)
    np.random.default_rng(0).random(10)
    assert np.array_equal(generator("inject", "backdoor", 3).random(4), first)


def test_streams_are_pinned_across_versions():
    assert entropy("inject", "backdoor", 3) % 10**6 == 313303
    assert generator("inject", "backdoor", 3).integers(1000, size=3).tolist() == [154, 867, 543]


def test_neighbouring_names_are_different_streams():
    streams = [("a", 1), ("a1",), ("a", "1"), (1, "a"), ("a",), ("a", 1, 1), ("a", 11), ("",), ("", "")]
    assert len({entropy(*names) for names in streams}) == len(streams)


def test_bad_names_are_refused():
    with pytest.raises(ValueError, match="at least one name"):
        entropy()
    for bad in (1.5, None, True):
        with pytest.raises(TypeError, match=type(bad).__name__):
            generator("sample", bad)  # pyright: ignore[reportArgumentType]
