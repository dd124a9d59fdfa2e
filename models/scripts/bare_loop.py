"""The same work as `examples/device.rs`, as a bare PyTorch loop: the bound that hark is held against.

python3 models/scripts/bare_loop.py ballast [small] [large]
python3 models/scripts/bare_loop.py minilm .hark/models/minilm/0.1.0 SENTENCES.txt

Prints items per second for an encoder as large as Whisper's, or for MiniLM on the lines of a file, by
precision and batch, on cuda:0. Needs torch and, for MiniLM, transformers.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional

SIZES = {"small": (80, 12, 768, 12), "large": (128, 32, 1280, 20)}
FRAMES = 3000


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.feed_in = nn.Linear(width, 4 * width)
        self.feed_out = nn.Linear(4 * width, width)

    def forward(self, x):
        windows, tokens, width = x.shape
        norm = lambda x: functional.layer_norm(x, (width,))
        split = self.query_key_value(norm(x)).view(windows, tokens, 3, self.heads, -1)
        query, key, value = (split.select(2, index).transpose(1, 2) for index in range(3))
        seen = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.attended(seen.transpose(1, 2).reshape(windows, tokens, width))
        return x + self.feed_out(functional.gelu(self.feed_in(norm(x))))


class Encoder(nn.Module):
    def __init__(self, mel, layers, width, heads):
        super().__init__()
        self.first = nn.Conv1d(mel, width, 3, padding=1)
        self.second = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.places = nn.Parameter(torch.randn(FRAMES // 2, width) * 0.02)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))

    def forward(self, x):
        x = functional.gelu(self.second(functional.gelu(self.first(x)))).transpose(1, 2) + self.places
        for layer in self.layers:
            x = layer(x)
        return x.mean((1, 2), dtype=torch.float32)


def rate(items, run, seconds=1.5):
    run()
    torch.cuda.synchronize()
    begin, rounds = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        run()
        rounds += 1
    return rounds * items / (time.perf_counter() - begin)


def ballast(names):
    for name in names or SIZES:
        shape = SIZES[name]
        for kind in (torch.bfloat16, torch.float16, torch.float32):
            model = Encoder(*shape).to("cuda", kind).eval()
            for items in (1, 8, 32, 128):
                samples = torch.randint(-9000, 9000, (items, shape[0] * FRAMES), dtype=torch.int16)

                def run():
                    x = samples.float().div_(32768).view(items, shape[0], FRAMES)
                    return model(x.to("cuda").to(kind)).cpu()

                print(f"ballast {name} | {kind} | {items} | {rate(items, run):.0f} windows/s", flush=True)
            del model
            torch.cuda.empty_cache()


def minilm(folder, sentences):
    from safetensors.torch import load_file
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel

    config = BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, vocab_size=30522
    )
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.enable_truncation(256)
    weights = load_file(f"{folder}/model.safetensors")
    for kind in (torch.float32, torch.bfloat16, torch.float16):
        model = BertModel(config, add_pooling_layer=False)
        model.load_state_dict(weights, strict=False)
        model = model.to("cuda", kind).eval()
        for items in (1, 32, 128, 512, 2048):
            batch = [sentences[at % len(sentences)] for at in range(items)]

            def run():
                encoded = sorted(tokenizer.encode_batch(batch), key=lambda one: -len(one.ids))
                for first in range(0, items, 128):
                    part = encoded[first : first + 128]
                    longest = len(part[0].ids)
                    ids = torch.tensor([one.ids[:longest] + [0] * (longest - len(one.ids)) for one in part])
                    mask = torch.tensor([[1] * len(one.ids) + [0] * (longest - len(one.ids)) for one in part])
                    ids, mask = ids.cuda(), mask.cuda()
                    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
                    weight = mask.unsqueeze(2).to(hidden.dtype)
                    mean = (hidden * weight).sum(1) / weight.sum(1)
                    functional.normalize(mean.float(), dim=1).cpu()

            print(f"minilm | {kind} | {items} | {rate(items, run):.0f} sentences/s", flush=True)


if __name__ == "__main__":
    print(torch.cuda.get_device_name(), torch.__version__)
    with torch.inference_mode():
        if sys.argv[1] == "ballast":
            ballast(sys.argv[2:])
        else:
            minilm(sys.argv[2], open(sys.argv[3], encoding="utf-8").read().splitlines())
