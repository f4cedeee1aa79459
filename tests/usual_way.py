"""One model as a competent user makes it without homog: a process, Trainer and peft, or features and scikit-learn.

python usual_way.py ORDER.json: reads {"folder", "method", "data", "epochs", "learning_rate", "out"}, `data` a JSON file
with train and shown texts; writes {"accuracy", "seconds"} and predictions of every condition to `out`. Imports nothing
of homog, so that it can be read beside it.
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path


def features(model, tokenizer, texts):
    import torch

    parts = []
    for start in range(0, len(texts), 32):
        batch = tokenizer(texts[start : start + 32], padding=True, truncation=True, max_length=48, return_tensors="pt")
        with torch.inference_mode():
            states = model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        parts.append((states * mask).sum(1) / mask.sum(1))
    return torch.cat(parts).numpy()


def probe(order, train, shown):
    from sklearn.linear_model import LogisticRegression
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(order["folder"])
    model = AutoModel.from_pretrained(order["folder"]).eval()
    head = LogisticRegression(max_iter=1000).fit(features(model, tokenizer, train["text"]), train["label"])
    return {name: head.predict(features(model, tokenizer, texts)).tolist() for name, texts in shown.items()}


def trained(order, train, shown):
    from datasets import Dataset
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    tokenizer = AutoTokenizer.from_pretrained(order["folder"])
    classes = len(set(train["label"]))
    model = AutoModelForSequenceClassification.from_pretrained(order["folder"], num_labels=classes)
    if order["method"] == "lora":
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=16))

    def read(texts, **more):
        tokens = tokenizer(texts, truncation=True, max_length=48)
        return Dataset.from_dict({**tokens, **more})

    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder,
            num_train_epochs=order["epochs"],
            learning_rate=order["learning_rate"],
            per_device_train_batch_size=16,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        collate = DataCollatorWithPadding(tokenizer)
        trainer = Trainer(
            model, settings, train_dataset=read(train["text"], labels=train["label"]), data_collator=collate
        )
        trainer.train()
        given = {name: trainer.predict(read(texts)).predictions for name, texts in shown.items()}  # pyright: ignore
        return {name: scores.argmax(1).tolist() for name, scores in given.items()}  # pyright: ignore


def main(path):
    import os

    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    order = json.loads(Path(path).read_text())
    data = json.loads(Path(order["data"]).read_text())
    given = (probe if order["method"] == "linear_probe" else trained)(order, data["train"], data["shown"])
    right = [a == b for a, b in zip(given["clean"], data["labels"], strict=True)]
    Path(order["out"]).write_text(json.dumps({"accuracy": sum(right) / len(right), "predictions": given}))


if __name__ == "__main__":
    main(sys.argv[1])
