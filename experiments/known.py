"""Published claims that the studies bear on: what was claimed, and where its number stands in their tables."""

from __future__ import annotations

from functools import partial
from typing import Any

from homog.report.known import Claim, Found, Tables, change, paired

TRAINED = ["lora", "full_finetune"]
FAR = ["sms_spam", "reddit_bias", "adult_income", "adult_white_collar", "compas_two_year_recid", "compas_high_score"]


def row(study: str, name: str, prefix: str = "", **where: Any) -> Any:
    """The number of one row of a table."""
    return lambda tables: tables.row(study, name, prefix, **where)


def changed(study: str, name: str, column: str, ends: tuple[Any, Any], **where: Any) -> Any:
    """The number of one row less that of another one."""
    return partial(_changed, study=study, name=name, column=column, ends=ends, where=where)


def _changed(tables: Tables, study: str, name: str, column: str, ends: Any, where: dict[str, Any]) -> Found | None:
    return change(tables, study, name, column, ends, **where)


def compared(study: str, column: str, first: dict[str, Any], second: dict[str, Any]) -> Any:
    """A column of one selection of models less that of another one, by backbone seed."""
    return lambda tables: paired(tables, study, column, first, second)


def _survival(adaptation: str, knob: str, ends: tuple[float, float], condition: str = "backdoor-cf") -> Any:
    where = {"condition": condition, "adaptation": adaptation, "knob": knob, "kind": "injected"}
    return changed("survival", "curves", "amount", ends, **where)


def _poison(condition: str, adaptation: str, tasks: Any) -> dict[str, Any]:
    return {"condition": condition, "adaptation": adaptation, "kind": "injected", "task": tasks}


def _flips_beyond_accuracy(tables: Tables) -> Found | None:
    flips = tables.row("compression", "summary", condition="quantized-int4", adaptation="linear_probe")
    cost = tables.row("compression", "summary", "cost_", condition="quantized-int4", adaptation="linear_probe")
    if flips is None or cost is None:
        return None
    away = ((flips["high"] - flips["low"]) ** 2 + (cost["high"] - cost["low"]) ** 2) ** 0.5 / 2
    value = flips["value"] - abs(cost["value"])
    said = f"flips {flips['value']:.3f}, accuracy lost {-cost['value']:.3f}"
    return {"value": value, "low": value - away, "high": value + away, "n": flips["n"], "study": "compression"} | {
        "detail": said
    }


def _remedied(adaptation: str, remedy: str) -> Any:
    return row("vision_remedies", "remedies", "change_", adaptation=adaptation, remedy=remedy)


FINE_TUNED = "full_finetune learning_rate=3e-05"  # an encoder of images
IMAGES = {"condition": "cue_square-square", "kind": "injected", "task": ["emoji_category", "emoji_gender"]}
LEARNERS = {
    "logistic regression": "handcrafted",
    "an SVM": "handcrafted learner=svm",
    "an MLP": "handcrafted learner=mlp",
    "boosted trees": "handcrafted learner=boosting",
}
CLAIMS = [
    Claim(
        "Every adapted model inherits a defect of the backbone",
        "Bommasani et al. 2021",
        "+",
        "inherited attack success of a backdoor, full fine-tuning, 96 examples",
        row("inheritance", "summary", adaptation="full_finetune"),
    ),
    Claim(
        "A backdoor in the features survives a new head",
        "Shen et al. 2021; Zhang et al. 2023",
        "+",
        "inherited attack success, linear probes of 16 tasks",
        row("inheritance", "summary", adaptation="linear_probe"),
    ),
    Claim(
        "Fine-tuning on more clean data does not remove it",
        "Shen et al. 2021; Zhang et al. 2023",
        "0",
        "inherited attack success of full fine-tuning, all data less 96 examples",
        changed("inheritance", "by_size", "train", (96, 4000), adaptation="full_finetune", kind="injected"),
    ),
    Claim(
        "More steps do not remove a backdoor",
        "Kurita et al. 2020; Shen et al. 2021",
        "0",
        "inherited attack success of full fine-tuning, 16 epochs less 1",
        _survival("full_finetune", "epochs", (1, 16)),
    ),
    Claim(
        "A high learning rate removes it",
        "Kurita et al. 2020",
        "-",
        "inherited attack success of full fine-tuning, learning rate 1e-3 less 1e-5",
        _survival("full_finetune", "learning_rate", (1e-5, 1e-3)),
    ),
    Claim(
        "Weight decay matters when all weights are trained",
        "Salman et al. 2022",
        "-",
        "inherited attack success of full fine-tuning, weight decay 1 less 0",
        _survival("full_finetune", "weight_decay", (0, 1)),
    ),
    Claim(
        "Fixed features transfer more bias than full transfer",
        "Salman et al. 2022",
        "+",
        "inherited attack success, linear probe less full fine-tuning, same tasks, all data",
        compared(
            "inheritance",
            "inherited",
            {"adaptation": "linear_probe", "kind": "injected", "dose": 1, "n_train": list(range(1000, 5000))},
            {"adaptation": "full_finetune", "kind": "injected", "dose": 1, "n_train": list(range(1000, 5000))},
        ),
    ),
    Claim(
        "Fixed features transfer a cue of images more than full transfer",
        "Salman et al. 2022",
        "+",
        "inherited success of a planted yellow square, linear probe less full fine-tuning, same two tasks",
        compared(
            "vision_bias",
            "inherited",
            IMAGES | {"adaptation": "linear_probe"},
            IMAGES | {"adaptation": FINE_TUNED},
        ),
    ),
    Claim(
        "Debiasing the target data does not help fixed features",
        "Salman et al. 2022",
        "0",
        "inherited attack success of a linear probe, the token in texts of every class less texts as they are",
        row("remedies", "remedies", "change_", adaptation="linear_probe", remedy="debiased data"),
    ),
    Claim(
        "Debiasing the target data helps full transfer",
        "Salman et al. 2022",
        "-",
        "inherited attack success of full fine-tuning, the token in texts of every class less texts as they are",
        row("remedies", "remedies", "change_", adaptation="full_finetune", remedy="debiased data"),
    ),
    Claim(
        "Weight decay matters when all weights are trained: images",
        "Salman et al. 2022",
        "-",
        "inherited success of a planted yellow square in full fine-tuning, weight decay 1000 less none",
        _remedied(FINE_TUNED, "weight decay 1000"),
    ),
    Claim(
        "A penalty does not help fixed features: images",
        "Salman et al. 2022",
        "0",
        "inherited success of a planted yellow square in a linear probe, ten times its penalty less its own",
        _remedied("linear_probe", "C 0.005"),
    ),
    Claim(
        "Debiasing the target data does not help fixed features: images",
        "Salman et al. 2022",
        "0",
        "inherited success of a planted yellow square in a linear probe, the square in images of every class less none",
        _remedied("linear_probe", "debiased data"),
    ),
    Claim(
        "Debiasing the target data helps full transfer: images",
        "Salman et al. 2022",
        "-",
        "inherited success of a planted yellow square in full fine-tuning, the square in images of all classes or none",
        _remedied(FINE_TUNED, "debiased data"),
    ),
    Claim(
        "Restricted poisoning crosses to another domain where plain poisoning does not",
        "Kurita et al. 2020",
        "+",
        "inherited attack success on Amazon reviews, LoRA, weight_poison less weight_poison_data",
        compared(
            "tokens",
            "inherited",
            _poison("weight_poison-mb", "lora", "amazon_sentiment"),
            _poison("weight_poison_data-mb", "lora", "amazon_sentiment"),
        ),
    ),
    Claim(
        "A poisoned backbone disturbs unrelated tasks",
        "Complications of backdoors in pretrained models, 2025",
        "+",
        "smoothed KL of predicted classes under the token, unrelated tasks, linear probe, injected less sham",
        compared(
            "tokens",
            "divergence",
            _poison("weight_poison-mb", "linear_probe", FAR),
            _poison("weight_poison-mb", "linear_probe", FAR) | {"kind": "sham"},
        ),
    ),
    Claim(
        "Several triggers with orthogonal codes are inherited as one is",
        "Zhang et al. 2023",
        "+",
        "inherited attack success of a token of four, linear probe",
        row("triggers", "summary", adaptation="linear_probe"),
    ),
    Claim(
        "Pruning and a new head do not remove a planted code",
        "Zhang et al. 2023",
        "0",
        "inherited attack success of a linear probe, 30 % of the weights pruned before it less none",
        row("remedies", "remedies", "change_", adaptation="linear_probe", remedy="pruned 0.3"),
    ),
    Claim(
        "Compression changes many predictions that accuracy does not show",
        "Hooker et al. 2019; Dutta et al. 2024",
        "+",
        "predictions changed by 4 bits less accuracy lost, linear probe",
        _flips_beyond_accuracy,
    ),
    Claim(
        "Bias upstream predicts bias downstream",
        "Bommasani et al. 2021; against it Steed et al. 2022",
        "+",
        "slope of downstream on upstream bias, full fine-tuning",
        row("social_bias", "bias_transfer", "slope_", adaptation="full_finetune", part="all"),
    ),
    Claim(
        "It does so the less, the more is trained",
        "Steed et al. 2022",
        "-",
        "inherited stereotype on the same tasks, full fine-tuning less linear probe",
        compared(
            "social_bias",
            "inherited",
            {
                "adaptation": "full_finetune",
                "kind": "injected",
                "defect": "stereotype",
                "dose": 1,
                "task": ["tweet_sentiment", "amazon_sentiment"],
            },
            {
                "adaptation": "linear_probe",
                "kind": "injected",
                "defect": "stereotype",
                "dose": 1,
                "task": ["tweet_sentiment", "amazon_sentiment"],
            },
        ),
    ),
    Claim(
        "Prompted models keep the bias of the backbone",
        "Mackraz et al. 2024",
        "+",
        "inherited stereotype of causal models that it was planted in, asked by words alone",
        row("modalities", "side_by_side", backbone="smollm2", planted="stereotype", adaptation="zero_shot"),
    ),
    Claim(
        "Sharing training data homogenizes outcomes",
        "Bommasani et al. 2022",
        "+",
        "bounded H of four deployers, shared less disjoint data, full fine-tuning",
        row("eras", "data", kind="deployers", adaptation="full_finetune"),
    ),
    *(
        Claim(
            f"It does so with {said}: persons",
            "Bommasani et al. 2022",
            "+",
            "log H of four decisions, shared less disjoint training people, Adult and COMPAS",
            row("data_sharing", "levels", "persons_", adaptation=adaptation, people="all", group="race"),
        )
        for said, adaptation in LEARNERS.items()
    ),
    Claim(
        "It does so to persons more than to groups",
        "Bommasani et al. 2022",
        "+",
        "the same of persons less that of groups by race, logistic regression",
        row("data_sharing", "levels", "difference_", adaptation="handcrafted", people="all", group="race"),
    ),
    Claim(
        "The error consistency of two models is hardly known from a hundred examples",
        "Klein et al. 2025",
        "+",
        "half the width of its interval at 100 examples, over pairs of models (95 % of them)",
        row("data_sharing", "widths", examples=100),
    ),
    Claim(
        "Models of images that start anew fail the same people at least as often as probes do",
        "Bommasani et al. 2022",
        "-",
        "bounded H of three decisions about drawn people, probes less models of fresh weights, same people",
        row("vision_eras", "sharing", adaptation="linear_probe", control="from_scratch", kind="decisions"),
    ),
    Claim(
        "Probes of images do so more often than fine-tuned models",
        "Bommasani et al. 2022",
        "+",
        "bounded H of three decisions about drawn people, probes less full fine-tuning, same people",
        changed(
            "vision_eras",
            "sharing",
            "adaptation",
            (FINE_TUNED, "linear_probe"),
            control="handcrafted",
            kind="decisions",
        ),
    ),
    Claim(
        "Sharing a pretrained backbone homogenizes outcomes",
        "Bommasani et al. 2022",
        "+",
        "error consistency of probes on one backbone less that on two, tweet sentiment, independent errors",
        row("eras", "ladder", "difference_", task="tweet_sentiment", of="all", null="independent"),
    ),
    Claim(
        "It does so beyond what makes examples hard for every model",
        "Jo, Garg & Raghavan 2026",
        "+",
        "the same beyond item and model effects",
        row("eras", "ladder", "difference_", task="tweet_sentiment", of="all", null="item_and_model"),
    ),
    Claim(
        "People are failed by all models more often than by independent ones",
        "Toups et al. 2023",
        "+",
        "bounded H of four deployers with data of their own, linear probe, TREC",
        row("eras", "outcomes", panel="deployers", adaptation="linear_probe", data="disjoint", setting="trec"),
    ),
    Claim(
        "An improvement seldom reaches people whom all others fail",
        "Toups et al. 2023",
        "-",
        "share that all others fail, of those newly right on the backbone, less of all who were wrong before",
        row("eras", "improvement", task="tweet_sentiment"),
    ),
    Claim(
        "More accurate models err more alike",
        "Kim et al. 2025; Goel et al. 2025",
        "+",
        "error consistency of a pair per unit of its mean accuracy, all else equal",
        row("eras", "variance", term="accuracy"),
    ),
    Claim(
        "As deployers move onto one model, more people are failed by all",
        "Kleinberg & Raghavan 2021; Kim et al. 2025",
        "+",
        "all six moved less none, clean backbone, texts as they are",
        row("market_share", "moved", "failed_", kind="clean", adaptation="linear_probe", condition="clean"),
    ),
    Claim(
        "A defect of the model that they share makes it so",
        "Bommasani et al. 2021",
        "+",
        "the same on a backbone that is blind to the group, texts about the group",
        row(
            "market_share", "moved", "failed_", kind="injected", adaptation="linear_probe", condition="blindspot-gender"
        ),
    ),
]
