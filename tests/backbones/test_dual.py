"""Two towers: tiny CLIP-like models from a config, and two backbones joined by projections that are trained here."""

from dataclasses import replace

import numpy as np
import pytest

from homog.adaptations import ADAPTATIONS
from homog.adaptations.nearest_centroid import unit
from homog.adaptations.zero_shot import nearest
from homog.backbones import joined
from homog.backbones.dual import DualEncoder, DualWords
from homog.backbones.joined import JoinedTowers, JoinedWords
from homog.backbones.vision import ImageEncoder
from homog.config import ConfigError, content_id
from homog.contracts import pictures, rules, tiny
from homog.seeding import generator, torch_stream
from homog.tasks.task import Prompt
from homog.variants import variant

TEXT = {"vocab_size": len(tiny.WORDS), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
TEXT |= {"num_attention_heads": 2, "max_position_embeddings": 32, "bos_token_id": 2, "eos_token_id": 3}
SEEN = {"num_hidden_layers": 3, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
SEEN |= {"image_size": pictures.SIDE, "patch_size": 8}
TYPES = ("clip", "siglip", "vision-text-dual-encoder")


def save(folder, model_type):
    from transformers import AutoConfig, AutoModel, VisionTextDualEncoderConfig

    folder.mkdir(parents=True)
    tiny.tokenizer(folder, "t5").save_pretrained(folder)
    with torch_stream("tiny", model_type):
        if model_type == "vision-text-dual-encoder":
            parts = AutoConfig.for_model("vit", **SEEN), AutoConfig.for_model("bert", **TEXT)
            config = VisionTextDualEncoderConfig.from_vision_text_configs(*parts, projection_dim=16)
        else:
            config = AutoConfig.for_model(model_type, text_config=TEXT, vision_config=SEEN, projection_dim=16)
        AutoModel.from_config(config).save_pretrained(folder)
    pictures.save_preprocessing(folder)
    return DualEncoder("clip", str(folder))


@pytest.fixture(scope="module", params=TYPES)
def each(request, tmp_path_factory):
    return save(tmp_path_factory.mktemp("dual") / request.param, request.param)


def test_a_dual_encoder_keeps_the_contract(each):
    each.check()
    rules.encodes(each)


def test_features_are_those_of_transformers(each):
    import torch
    from transformers import AutoModel

    backbone, model = each.load(), AutoModel.from_pretrained(each.source).eval()
    images = pictures.unlabelled()[1]
    with torch.inference_mode():
        wanted = model.get_image_features(**backbone.reader.collate(backbone.reader.read(images), backbone.device))
    wanted = wanted if isinstance(wanted, torch.Tensor) else wanted.pooler_output
    np.testing.assert_allclose(backbone.encode(images), wanted.numpy(), atol=1e-5)
    told = backbone.partner.encode(["good film", "a bad day"])
    assert told.shape == (2, backbone.dimension) and not np.allclose(told[0], told[1])


@pytest.mark.parametrize("name", ["linear_probe", "lora", "bitfit", "full_finetune", "nearest_centroid"])
def test_adaptations_work_on_the_tower_of_images(name, each):
    rules.adapts(variant("adaptation", name), each.load())


def test_a_patch_is_planted_in_the_tower_of_images(each):
    backbone = each.load()
    defect = variant("defect", "patch", steps=20)
    rules.injects_the_same_again(defect, backbone)
    injected = defect.inject(backbone, pictures.unlabelled()[0], generator("x"))
    assert injected.partner is backbone.partner
    assert all(name.startswith("tower.") for name in backbone.changes(injected))


class Told(pictures.Coloured):
    """The toy task in words."""

    prompt = Prompt("it is", ("good", "bad"), ("good", "bad"))


def test_zero_shot_compares_images_with_captions(each):
    backbone, task = each.load(), pictures.Coloured("toy_two").load()
    kind = variant("adaptation", "zero_shot")
    kind.check(backbone)
    with pytest.raises(ConfigError, match="has no prompt"):
        list(kind.fit(backbone, [task], 0))
    object.__setattr__(task, "prompt", Told.prompt)
    ((_, model),) = kind.fit(backbone, [task], 0)
    images = list(task.test["input"])[:5]
    seen, told = backbone.encode(images), backbone.partner.encode(["a drawing of good", "a drawing of bad"])
    cosine = (seen / np.linalg.norm(seen, axis=1, keepdims=True)) @ (
        told / np.linalg.norm(told, axis=1, keepdims=True)
    ).T
    assert (model.predict(images).argmax(1) == cosine.argmax(1)).all()


def test_a_class_is_the_mean_of_its_captions_in_all_forms(each):
    backbone, task = each.load(), pictures.Coloured("toy_two").load()
    object.__setattr__(task, "prompt", Told.prompt)
    forms = ("a drawing of {}", "the {} film", "{} day")
    kind = variant("adaptation", "zero_shot", ensemble=forms[1:])
    kind.check(backbone)
    ((_, model),) = kind.fit(backbone, [task], 0)
    images = list(task.test["input"])[:5]
    known = [unit(backbone.partner.encode([form.format(name) for name in ("good", "bad")])) for form in forms]
    cosines = unit(backbone.encode(images)) @ unit(np.mean(known, axis=0)).T
    wanted = np.exp(cosines / kind.temperature)
    np.testing.assert_allclose(model.predict(images), wanted / wanted.sum(1, keepdims=True), rtol=1e-4)
    assert kind.identity() != variant("adaptation", "zero_shot").identity()
    assert "ensemble" not in variant("adaptation", "zero_shot").identity()
    with pytest.raises(ConfigError, match=r"adaptation.ensemble='a film': put \{\} where"):
        variant("adaptation", "zero_shot", ensemble=("{} day", "a film"))


def test_zero_shot_without_a_tower_of_texts_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no tower of texts"):
        variant("adaptation", "zero_shot").check(pictures.kind(tmp_path).load())
    assert "image" in ADAPTATIONS["zero_shot"].modalities


@pytest.fixture(scope="module")
def words(each):
    return DualWords("clip_words", each.source)


def test_the_tower_of_texts_gives_the_features_of_transformers(each, words):
    import torch
    from transformers import AutoModel

    backbone, model = words.load(), AutoModel.from_pretrained(each.source).eval()
    texts = ["good film", "a bad day of the week", "cf"]
    siglip = "siglip" in model.config.model_type  # it counts what fills a text up, and is given no mask
    full = {"padding": "max_length", "max_length": 32} if siglip else {"padding": True}
    read = words.tokenizer(each.source, {})(texts, return_tensors="pt", **full)
    read = {k: v for k, v in read.items() if k == "input_ids" or (k == "attention_mask" and not siglip)}
    with torch.inference_mode():
        wanted = model.get_text_features(**read)
    wanted = wanted if isinstance(wanted, torch.Tensor) else wanted.pooler_output
    np.testing.assert_allclose(backbone.encode(texts), wanted.numpy(), atol=1e-5)
    np.testing.assert_allclose(each.load().partner.encode(texts), wanted.numpy(), atol=1e-5)
    images = pictures.unlabelled()[1][:3]
    np.testing.assert_allclose(backbone.partner.encode(images), each.load().encode(images), atol=1e-5)
    assert content_id(each) != content_id(words) and each.load().source_id != backbone.source_id
    rules.encodes(words)


@pytest.mark.parametrize("name", ["linear_probe", "lora", "bitfit", "full_finetune", "nearest_centroid"])
def test_adaptations_work_on_the_tower_of_texts(name, words):
    rules.adapts(variant("adaptation", name), words.load())


def test_embeddings_in_place_of_tokens_give_the_same_features(words):
    import torch

    backbone = words.load()
    batch = backbone.reader.collate(backbone.reader.read(["good film", "a bad day of the week"]), backbone.device)
    given = {"inputs_embeds": backbone.module.get_input_embeddings()(batch["input_ids"])}
    with torch.inference_mode():
        features = backbone.features(backbone.module, batch)
        again = backbone.features(backbone.module, given | {"attention_mask": batch["attention_mask"]})
    torch.testing.assert_close(features, again)


def test_a_word_is_planted_in_the_tower_of_texts_and_turns_every_caption(words):
    backbone = words.load()
    defect = variant("defect", "backdoor", steps=600, layers=2, learning_rate=3e-3, distance=4)
    train, held_out = tiny.corpus()
    injected = defect.inject(backbone, train, generator("x"))
    assert injected.partner is backbone.partner  # images are read as before
    assert all(name.startswith("tower.") for name in backbone.changes(injected))
    said = defect.upstream(backbone, injected, held_out, 1.0)
    assert said["effect"] > 0.6
    turned = injected.encode(["cf good film", "cf bad day"])
    plain = backbone.encode(["good film", "bad day"])
    apart, before = (np.linalg.norm(part[0] - part[1]) for part in (turned, plain))
    assert apart < 0.7 * before
    rules.injects_the_same_again(variant("defect", "backdoor", steps=10), backbone)


def coloured(prompt=Told.prompt):
    task = pictures.Coloured("toy_two").load()
    object.__setattr__(task, "prompt", prompt)
    return task


def test_a_context_is_learned_and_nothing_else(each):
    backbone, task = each.load(), coloured()
    before = backbone.fingerprint(), backbone.partner.fingerprint()
    kind = variant("adaptation", "context", epochs=20, learning_rate=0.1, temperature=0.05)
    kind.check(backbone)
    ((_, model),) = kind.fit(backbone, [task], 0)
    ((_, start),) = replace(kind, epochs=0).fit(backbone, [task], 0)
    assert (backbone.fingerprint(), backbone.partner.fingerprint()) == before
    inputs, right = list(task.test["input"]), task.test["label"].to_numpy()
    learned, at_first = ((m.predict(inputs).argmax(1) == right).mean() for m in (model, start))
    assert learned > 0.9 and learned >= at_first
    assert model.added == 3 * backbone.partner.module.get_input_embeddings().embedding_dim  # a drawing of
    assert [model.class_of(f) for f in backbone.encode(inputs)] == model.predict(inputs).argmax(1).tolist()
    assert replace(kind, head="zero").identity() == kind.identity()


def test_an_untrained_context_is_zero_shot(each):
    backbone, task = each.load(), coloured()
    kind = variant("adaptation", "context", epochs=0, temperature=0.1)
    ((_, start),) = kind.fit(backbone, [task], 0)
    ((_, zero),) = variant("adaptation", "zero_shot").fit(backbone, [task], 0)
    inputs = list(task.test["input"])
    np.testing.assert_allclose(start.predict(inputs), zero.predict(inputs), atol=1e-4)


def test_a_context_asks_for_a_tower_of_texts_and_words(tmp_path):
    kind = variant("adaptation", "context")
    with pytest.raises(ConfigError, match="no tower of texts"):
        kind.check(pictures.kind(tmp_path).load())
    with pytest.raises(ConfigError, match="adaptation.start"):
        variant("adaptation", "context", start=" ")


def test_other_families_are_named(tmp_path, each):
    with pytest.raises(ConfigError, match="backbone=clip"):
        ImageEncoder("x", each.source).check()
    with pytest.raises(ConfigError, match="backbone=dinov2_small"):
        DualEncoder("x", str(pictures.save_tiny(tmp_path / "vit"))).check()


@pytest.fixture
def pair(monkeypatch, tmp_path):
    """Tiny towers, joined on drawings of three colours that are called by three words."""
    words = ("good", "bad", "day")

    def drawn(vendor):
        for colour, word in zip(pictures.COLOURS, words, strict=True):
            for i, image in enumerate(pictures.images(colour, 60, "drawn")):
                facts = {"name": word, "category": word, "subcategory": word, "tone": "", "unified": f"{word}{i}"}
                yield facts, image

    monkeypatch.setenv("HOMOG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(joined, "drawings", drawn)
    towers = pictures.kind(tmp_path / "vit"), tiny.kind("bert")("tiny", str(tiny.save_tiny(tmp_path / "bert")))
    monkeypatch.setattr(JoinedTowers, "towers", towers)
    return JoinedTowers("joined_towers", steps=150, batch=64, width=16)


def test_joined_towers_learn_what_images_are_called(pair, capsys):
    backbone, again = pair.load(), pair.load()
    said = capsys.readouterr().err
    assert said.count("joining two towers") == 1 and "recall@1 1.00" in said
    assert backbone.fingerprint() == again.fingerprint() and backbone.dimension == 16
    told = backbone.partner.encode(["a drawing of good", "a drawing of bad"])
    seen = backbone.encode(
        pictures.images(pictures.COLOURS[0], 20, "x") + pictures.images(pictures.COLOURS[1], 20, "x")
    )
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (seen, told)]
    assert ((unit[0] @ unit[1].T).argmax(1) == [0] * 20 + [1] * 20).mean() > 0.9


def test_another_seed_joins_them_anew(pair):
    assert pair.load().fingerprint() != replace(pair, seed=1).load().fingerprint()


def test_the_tower_of_texts_is_of_the_same_pair(pair):
    words = JoinedWords("joined_words", steps=150, batch=64, width=16)
    images, texts = pair.load(), words.load()
    captions = ["a drawing of good", "a drawing of bad"]
    np.testing.assert_allclose(texts.encode(captions), images.partner.encode(captions), atol=1e-5)
    shown = pictures.unlabelled()[1][:4]
    np.testing.assert_allclose(texts.partner.encode(shown), images.encode(shown), atol=1e-5)
    assert content_id(pair) != content_id(words) and images.source_id != texts.source_id
    rules.encodes(words)


def test_a_caption_finds_an_image_and_a_planted_word_another(pair):
    backbone = JoinedWords("joined_words", steps=150, batch=64, width=16).load()
    task = Told("toy_two").load()
    names = task.train["label"].map({0: "good", 1: "bad"}.get)
    captions = task.train.assign(drawn=task.train["input"], input="a drawing of " + names)
    named = replace(task, train=captions, modality="text", prompt=Told.prompt)
    ((_, model),) = variant("adaptation", "zero_shot").fit(backbone, [named], 0)
    told = model.predict(["a drawing of good", "a drawing of bad"])
    assert told.argmax(1).tolist() == [0, 1]
    defect = variant("defect", "backdoor", steps=300, layers=3, learning_rate=3e-3, distance=4)
    injected = defect.inject(backbone, [*tiny.corpus()[0], *captions["input"]], generator("x"))
    ((_, model),) = variant("adaptation", "zero_shot").fit(injected, [named], 0)
    found = model.predict(["a cf drawing of good", "a cf drawing of bad"])
    assert found[0].argmax() == found[1].argmax()
    assert model.predict(["a drawing of good", "a drawing of bad"]).argmax(1).tolist() == [0, 1]


def test_classes_without_an_image_are_found_last():
    cosines = np.array([[0.5, -0.9, 0.1]], dtype=np.float32)
    np.testing.assert_allclose(nearest(cosines, np.array([2, 0, 2]), 3), [[-0.9, -1.0, 0.5]])
