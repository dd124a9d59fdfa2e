"""Writes goldens/silero.i16 and goldens/silero.json: what the shipped Silero VAD module answers.

    python3 -m venv venv && venv/bin/pip install torch==2.11.0 numpy
    venv/bin/python models/scripts/silero_golden.py WEIGHTS_DIR models/goldens

WEIGHTS_DIR holds silero_vad.jit (6.2.3). The signal is made here: pulses through moving formants (which the
detector takes for speech), noise, a chord, silence. The module runs chunk by chunk with the state
it keeps inside, as its authors mean it to be run.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

RATE, CHUNK = 16_000, 512


def formants(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A voice of sorts: a gliding pulse train through three resonators that change per syllable."""
    count = int(seconds * RATE)
    pitch = 120 + 25 * np.sin(2 * np.pi * 1.3 * np.arange(count) / RATE)
    phase = np.cumsum(pitch / RATE)
    source = np.diff(np.floor(phase), prepend=0.0) + 0.01 * rng.standard_normal(count)
    vowels = [(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480)]
    out = np.zeros(count)
    syllable = int(0.18 * RATE)
    for begin in range(0, count, syllable):
        piece = source[begin : begin + syllable].copy()
        for frequency in vowels[(begin // syllable) % len(vowels)]:
            radius = np.exp(-np.pi * 90 / RATE)
            a1, a2 = -2 * radius * np.cos(2 * np.pi * frequency / RATE), radius * radius
            y1 = y2 = 0.0
            for i in range(len(piece)):
                y = piece[i] - a1 * y1 - a2 * y2
                piece[i], y2, y1 = y, y1, y
        piece *= np.hanning(len(piece)) ** 0.5
        out[begin : begin + syllable] = piece
    return 0.4 * out / np.abs(out).max()


def signal() -> np.ndarray:
    rng = np.random.default_rng(20)
    time = np.arange(int(0.5 * RATE)) / RATE
    chord = 0.2 * sum(np.sin(2 * np.pi * f * time) for f in (261.6, 329.6, 392.0)) / 3
    parts = [
        np.zeros(int(0.3 * RATE)),
        formants(1.6, rng),
        0.02 * rng.standard_normal(int(0.4 * RATE)),
        chord,
        formants(0.7, rng),
        0.001 * rng.standard_normal(int(0.21 * RATE)),
    ]
    return np.clip(np.round(np.concatenate(parts) * 32767), -32768, 32767).astype("<i2")


def main() -> None:
    weights, goldens = Path(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    module = torch.jit.load(weights / "silero_vad.jit")
    samples = signal()
    samples.tofile(goldens / "silero.i16")
    streams = []
    for start, end in [(0, len(samples)), (5_000, 5_000 + 40 * CHUNK), (20_000, 20_000 + 7 * CHUNK + 77), (9_000, 9_100)]:
        piece = torch.from_numpy(samples[start:end].astype(np.float32) / 32768)
        piece = torch.nn.functional.pad(piece, (0, -len(piece) % CHUNK))
        module.reset_states()
        with torch.no_grad():
            answers = [module(chunk[None], RATE).item() for chunk in piece.split(CHUNK)]
        streams.append({"start": start, "end": end, "probabilities": [round(answer, 8) for answer in answers]})
    (goldens / "silero.json").write_text(json.dumps({"torch": torch.__version__, "streams": streams}) + "\n")
    for stream in streams:
        answers = np.array(stream["probabilities"])
        print(stream["start"], len(answers), "speech", (answers > 0.5).mean(), answers.min(), answers.max())


main()
