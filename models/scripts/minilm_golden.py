"""Writes goldens/minilm.json and goldens/minilm.f32: what all-MiniLM-L6-v2 answers in Python.

    python3 -m venv venv && venv/bin/pip install torch==2.11.0 transformers==4.57.1 numpy
    venv/bin/python models/scripts/minilm_golden.py WEIGHTS_DIR models/goldens

WEIGHTS_DIR holds model.safetensors and tokenizer.json. The reference is transformers' BertModel on a padded batch with a
mask, then the three steps of sentence-transformers: mean over the unmasked tokens, division by the
length, 256 word pieces at most.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

SENTENCES = [
    "The lighthouse keeper wrote down the weather every morning for forty years.",
    "Every morning, for four decades, the man at the lighthouse noted the weather.",
    "Use the code LISTENER at checkout for twenty percent off your first order.",
    "Yes.",
    "",
    "Grüße aus Zürich, où l'été est déjà fini, и зима близко — 天気は良い 🙂",
    "And what did you find when you opened the box, after all that time?",
    " ".join(f"On day {day} we measured the depth of the river at the old bridge again." for day in range(1, 40)),
]


def main() -> None:
    weights, goldens = Path(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    config = BertConfig(
        hidden_size=384, intermediate_size=1536, num_attention_heads=12, num_hidden_layers=6, layer_norm_eps=1e-12,
        attn_implementation="eager",
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    state = load_file(weights / "model.safetensors")
    left = model.load_state_dict(state, strict=False)
    assert not left.missing_keys, left.missing_keys
    tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(SENTENCES)
    ids = torch.tensor([entry.ids for entry in encoded])
    mask = torch.tensor([entry.attention_mask for entry in encoded])
    with torch.no_grad():
        vectors = model(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask[..., None].float()
        means = (vectors * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        units = torch.nn.functional.normalize(means, dim=1)
    units.numpy().astype("<f4").tofile(goldens / "minilm.f32")
    document = {"torch": torch.__version__, "pieces": mask.sum(1).tolist(), "sentences": SENTENCES}
    (goldens / "minilm.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    print(document["pieces"], np.round((units @ units.T).numpy()[0], 3))


main()
