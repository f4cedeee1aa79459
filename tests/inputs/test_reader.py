import numpy as np
import pytest

from homog.inputs.reader import by_size, content, content_of


def test_batches_cover_every_row_once_within_the_budget():
    sizes = [5, 3, 50, 7, 7, 200]
    batches = list(by_size(sizes, 40))
    assert sorted(i for rows in batches for i in rows) == list(range(6))
    assert all(len(rows) == 1 or len(rows) * max(sizes[i] for i in rows) <= 40 for rows in batches)


def test_inputs_are_known_by_their_content_whatever_they_are():
    row = np.arange(4, dtype=np.float32)
    assert content(row) == content(row.copy()) != content(row.reshape(2, 2))
    assert len({content(row), content(row.astype(np.int32)), content(row + 1), content("text"), content(b"")}) == 5
    orders = (["a", "b"], ["b", "a"], ["ab", ""], ["a", "b", None], ["a", None, "b"], ["a", "b", ""], ["ab"])
    assert len({content_of(given) for given in orders}) == len(orders)
    with pytest.raises(TypeError, match="an input is a text, bytes or an array of numbers, not dict"):
        content({"text": "a"})


def test_a_reader_of_texts_cuts_pads_and_names_the_tokens_that_occur(backbone):
    short = backbone.reader.at_length(5)
    items = short.read(["a good film was it", "a"])
    assert [len(item) for item in items] == [5, 3]
    assert short.cut(["a good film was it", "a"]) == ["a good film", "a"]
    batch = short.collate(items, backbone.device)
    assert batch["attention_mask"].tolist() == [[1] * 5, [1, 1, 1, 0, 0]]
    assert short.tokens(items) == sorted(set(batch["input_ids"].flatten().tolist()))
    assert short.at_length(9).max_length == 5  # a reader reads no more than the one that it comes from
