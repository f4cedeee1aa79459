import pytest

from homog import sources
from homog.tasks import corpus


@pytest.fixture
def articles(monkeypatch):
    monkeypatch.setattr(
        corpus,
        "_articles",
        lambda: [
            'One two three four five. He said: "This is it, my dear friends." Then Dr.\nToo short.',
            "One two three four five. " + "word " * 41 + "end.",
        ],
    )


def test_sentences_are_whole_different_and_neither_short_nor_long(articles):
    assert corpus.sentences() == ["One two three four five.", 'He said: "This is it, my dear friends."']


def test_passages_have_the_length_asked_for(articles):
    pieces = corpus.passages(words=10)
    assert pieces[0] == 'One two three four five. He said: "This is it,'
    assert {len(piece.split()) for piece in pieces} == {10} and len(pieces) == len(set(pieces))


@pytest.mark.real
def test_the_real_corpus_is_large_and_stable():
    sources.fetch(corpus.SOURCES)
    sentences = corpus.sentences()
    assert len(sentences) > 15000 and len(set(sentences)) == len(sentences)
    assert sentences == corpus.sentences()
    assert len(corpus.passages()) > 4000
