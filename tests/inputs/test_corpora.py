import pytest

from homog import sources
from homog.inputs import corpora


@pytest.fixture
def articles(monkeypatch):
    monkeypatch.setattr(
        corpora,
        "articles",
        lambda: [
            'One two three four five. He said: "This is it, my dear friends." Then Dr.\nToo short.',
            "One two three four five. " + "word " * 41 + "end.",
        ],
    )


def test_sentences_are_whole_different_and_neither_short_nor_long(articles):
    assert corpora.sentences() == ["One two three four five.", 'He said: "This is it, my dear friends."']


def test_passages_have_the_length_asked_for(articles):
    pieces = corpora.passages(words=10)
    assert pieces[0] == 'One two three four five. He said: "This is it,'
    assert {len(piece.split()) for piece in pieces} == {10} and len(pieces) == len(set(pieces))


@pytest.mark.real
def test_the_real_corpus_is_large_and_stable():
    sources.fetch(corpora.SOURCES)
    sentences = corpora.sentences()
    assert len(sentences) > 15000 and len(set(sentences)) == len(sentences)
    assert sentences == corpora.sentences()
    assert len(corpora.passages()) > 4000


@pytest.mark.real
def test_sentences_that_verify_an_injection_are_none_of_those_it_is_made_from():
    train, held_out = corpora.unlabelled()
    assert len(held_out) == 200
    assert len(train) > 5000
    assert not set(train) & set(held_out)
