"""Pipelines of diffusers, on a tiny one from configs: what is drawn, trained, planted, and refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from homog import records, run
from homog.backbones.diffusion import Diffusion
from homog.config import Cell, ConfigError, Sizes, arm
from homog.inputs import captions
from homog.seeding import generator, torch_stream
from homog.study import views
from homog.variants import variant

diffusers = pytest.importorskip("diffusers")
TEXTS = ["a photo of a red seven", "a drawing of the number two in blue", "an image of that green one"]


def save(folder: Path) -> Path:
    """A tiny pipeline, as a user would have one: 16 pixels, words for tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(captions.WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", model_max_length=16
    )
    sizes: dict[str, Any] = {"vocab_size": len(captions.WORDS), "max_position_embeddings": 16, "num_hidden_layers": 2}
    with torch_stream("tiny pipeline"):
        text = CLIPTextModel(
            CLIPTextConfig(hidden_size=16, intermediate_size=32, num_attention_heads=2, eos_token_id=0, **sizes)
        )
        unet = diffusers.UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=4,
            cross_attention_dim=16,
            attention_head_dim=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        )
        vae = diffusers.AutoencoderKL(
            block_out_channels=(8, 8),
            norm_num_groups=4,
            latent_channels=4,
            down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
            up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        )
    scheduler = diffusers.DDIMScheduler(steps_offset=1, clip_sample=False)
    parts = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipeline = diffusers.StableDiffusionPipeline(
        vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler, **parts
    )
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save(tmp_path_factory.mktemp("pipeline") / "tiny-diffusion")


@pytest.fixture(scope="module")
def backbone(folder):
    return Diffusion("stable_diffusion", str(folder), steps=2).load()


def test_what_is_drawn_follows_from_captions_and_weights_alone(folder, backbone):
    kind = Diffusion("stable_diffusion", str(folder), steps=2)
    kind.check()
    assert kind.label == "tiny-diffusion" and kind.identity() != Diffusion("x", str(folder), steps=3).identity()
    images = backbone.draws.of(backbone, backbone.module, TEXTS)
    assert images.shape == (3, 16, 16, 3) and images.dtype == np.uint8 and images.std() > 1
    again = kind.load()
    assert np.array_equal(images, again.draws.of(again, again.module, TEXTS))
    other = backbone.draws.of(backbone, backbone.module, TEXTS[::-1])
    assert not np.array_equal(other[::-1], images)  # other noise
    features = backbone.encode(TEXTS)
    assert features.shape == (3, backbone.dimension) and np.isfinite(features).all()


def test_the_pipeline_of_diffusers_draws_the_same(folder, backbone):
    from homog.inputs.reader import content_of

    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
    noise = torch.as_tensor(generator("draw", content_of(TEXTS)).standard_normal((3, 4, 8, 8))).float()
    drawn = pipeline(TEXTS, latents=noise, num_inference_steps=2, guidance_scale=7.5, output_type="np").images
    mine = backbone.draws.of(backbone, backbone.module, TEXTS)
    assert np.abs(mine.astype(int) - (drawn * 255).round().astype(int)).max() <= 1


def test_a_lesson_is_learned_and_the_shared_weights_stay(backbone):
    from homog.backbones.weights import adamw, one_cycle, sharing

    before = backbone.fingerprint()
    module = sharing(backbone.module, [name for name, _ in backbone.module.named_parameters()]).requires_grad_(True)
    images = captions.coloured(np.full((3, 28, 28), 255, np.uint8), ["red", "blue", "green"])
    ids = backbone.reader.collate(backbone.reader.read(TEXTS), backbone.device)["input_ids"]
    tokens = torch.as_tensor(backbone.draws.tokens(images))
    assert tokens.shape == (3, 4, 8, 8)

    def loss() -> torch.Tensor:
        return backbone.draws.loss(module, ids.repeat(8, 1), tokens.repeat(8, 1, 1, 1))

    def mean() -> float:
        with torch.no_grad(), torch_stream("mean"):
            return float(np.mean([float(loss()) for _ in range(8)]))

    first = mean()
    with torch_stream("lesson"):
        one_cycle(adamw([{"params": list(module.parameters())}], lr=3e-3), 60, loss)
    assert mean() < 0.7 * first and backbone.fingerprint() == before


@pytest.mark.parametrize("name", ["full_finetune", "lora", "bitfit", "soft_prompt"])
def test_models_that_draw_are_adapted_and_judged(name, folder, backbone, tmp_path):
    kind = Diffusion("stable_diffusion", str(folder), steps=2)
    defect = variant("defect", "drawn_trigger", steps=3, batch=4)
    how = variant("adaptation", name, epochs=1)
    cells = [
        Cell(arm(kind, defect, dose, 0), how, variant("task", "drawn_mirrored"), 0, Sizes(16, 10, 40))
        for dose in (0.0, 1.0)
    ]
    for cell in cells:
        assert run.run([cell], views([defect]), tmp_path, "cpu") == 0
    kept = [records.load(tmp_path, cell.id) for cell in cells]
    for record in kept:
        assert record.probabilities["clean"].shape == (10, 10) and record.provenance["samples"]["clean"]
    assert not np.array_equal(kept[0].probabilities["clean"], kept[1].probabilities["clean"])
    assert set(kept[1].provenance["upstream"]) >= {"drift", "effect", "verified"}
    again = tmp_path / "again"
    assert run.run([cells[1]], views([defect]), again, "cpu") == 0
    assert np.array_equal(records.load(again, cells[1].id).probabilities["clean"], kept[1].probabilities["clean"])


def test_what_is_no_such_pipeline_is_a_line(folder, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    index = json.loads((broken / "model_index.json").read_text())

    def refused(said: str) -> None:
        with pytest.raises(ConfigError, match=said) as error:
            Diffusion("stable_diffusion", str(broken)).check()
        assert "\n" not in str(error.value)

    (broken / "model_index.json").write_text(json.dumps(index | {"_class_name": "FluxPipeline"}))
    refused("FluxPipeline in model_index.json; valid: StableDiffusionPipeline")
    (broken / "model_index.json").unlink()
    refused("no readable model_index.json")
    (broken / "model_index.json").write_text(json.dumps(index))
    from safetensors.torch import load_file, save_file

    weights = next((broken / "unet").glob("*.safetensors"))
    held = load_file(weights)
    save_file(dict(list(held.items())[1:]), weights, metadata={"format": "pt"})
    refused("unet: 1 tensors are missing")
    weights.write_bytes(b"cut off")
    refused("backbone.source=")
    with pytest.raises(ConfigError, match="steps=0"):
        variant("backbone", "stable_diffusion", source=str(folder), steps=0)
    with pytest.raises(ConfigError, match="backbone.source=<directory or hub id>"):
        Diffusion("stable_diffusion", "???").check()
