#!/usr/bin/env python3
"""Renders the example feed: dialogues in scenes/ to audio, transcripts, feed.xml, episodes.jsonl.

    scenes/*.txt ─ flite ─▶ sentences ─┐
          tones from this script ──────┴─▶ mix ─ ffmpeg ─▶ audio/, transcripts/, the feed

The results are committed; run this only to change them. It needs flite, ffmpeg and Python 3.9, and
takes a minute. Every sentence is spoken by itself, so that its times in the transcripts are true.
"""

import array
import html
import json
import math
import random
import re
import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

HERE = Path(__file__).resolve().parent
RATE = 16_000  # of flite's voices, and so of the mix

SHOWS = {
    "Small Wonders": {
        "author": "Mara and Theo",
        "description": "Ordinary things that turn out to be strange.",
        "intro": [("Mara", "You are listening to Small Wonders, the show about ordinary things that turn out to be strange.")],
        "outro": [("Mara", "That was Small Wonders. Tell a friend about us, and write to us if something small has made you wonder.")],
        "chords": [(0, 4, 7), (-3, 0, 4), (5, 9, 12), (7, 11, 14)],
        "base": 262.0,
        "beat": 0.24,
    },
    "The Long Ledger": {
        "author": "Ines and Callum",
        "description": "History, one entry at a time.",
        "intro": [("Callum", "This is the Long Ledger. History, one entry at a time.")],
        "outro": [("Ines", "The Long Ledger is read by Ines and Callum. You can find all entries, and our sources, on our page.")],
        "chords": [(0, 3, 7), (-4, 0, 3), (-5, -2, 2), (-7, -3, 0)],
        "base": 196.0,
        "beat": 0.4,
    },
    "Counter Talk": {
        "author": "Victor",
        "description": "People who own a small shop talk about the one thing they got wrong.",
        "intro": [("Victor", "Counter Talk. People who own a small shop, and the one thing they got wrong.")],
        "outro": [("Victor", "You have been listening to Counter Talk. If you own a shop and have a story, leave us a message.")],
        "chords": [(0, 4, 7), (5, 9, 12), (-2, 2, 5), (0, 4, 7)],
        "base": 294.0,
        "beat": 0.18,
    },
}

# How each codec is asked for. Rates are low because the examples travel with the source.
CODECS = {
    ".mp3": ["-c:a", "libmp3lame", "-b:a", "32k", "-ar", "22050"],
    ".m4a": ["-c:a", "aac", "-b:a", "28k", "-ar", "22050", "-movflags", "+faststart"],
    ".ogg": ["-c:a", "libvorbis", "-b:a", "32k", "-ar", "22050"],
    ".opus": ["-c:a", "libopus", "-b:a", "16k", "-application", "voip", "-serial_offset", "7"],
    ".flac": ["-c:a", "flac", "-compression_level", "12"],
    ".wav": ["-c:a", "pcm_mulaw"],
}
MEDIA = {
    ".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".ogg": "audio/ogg", ".opus": "audio/opus", ".flac": "audio/flac", ".wav": "audio/wav",
    ".vtt": "text/vtt", ".srt": "application/x-subrip", ".json": "application/json", ".html": "text/html", ".txt": "text/plain",
}


def tones(chords, base, beat, seconds):
    """A broken chord, each note fading away; chords are in semitones above `base`."""
    out = [0.0] * int(seconds * RATE)
    rng = random.Random(7)
    for step in range(int(seconds / beat)):
        chord = chords[step // 8 % len(chords)]
        note = base * 2 ** (chord[(step * 2 + step // 3) % len(chord)] / 12) * (0.5 if step % 8 == 0 else 1)
        loud = 0.30 if step % 8 == 0 else 0.18 + 0.04 * rng.random()
        begin = int(step * beat * RATE)
        for at in range(min(int(1.2 * RATE), len(out) - begin)):
            t = at / RATE
            swing = math.sin(2 * math.pi * note * t) + 0.4 * math.sin(4 * math.pi * note * t) + 0.15 * math.sin(6.02 * math.pi * note * t)
            out[begin + at] += loud * swing * math.exp(-3.5 * t) * min(1.0, t * 200)
    return out


def spoken(voice, text):
    """One sentence by flite as floats, silence around it trimmed."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", file.name], check=True)
        with wave.open(file.name) as reader:
            assert reader.getframerate() == RATE and reader.getnchannels() == 1, voice
            samples = array.array("h", reader.readframes(reader.getnframes()))
    loud = [at for at, value in enumerate(samples) if abs(value) > 300]
    first, last = max(0, loud[0] - 400), min(len(samples), loud[-1] + 800)
    peak = max(abs(value) for value in samples)
    return [value / peak * 0.7 for value in samples[first:last]]


def sentences(text):
    return re.findall(r"[^.!?]+[.!?]+", text)


def read_scene(path):
    head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    scene = dict(line.split(": ", 1) for line in head.splitlines())
    scene["voices"] = dict(pair.split("=") for pair in scene["voices"].split())
    scene["turns"] = []
    for line in body.splitlines():
        name, colon, text = line.partition(": ")
        # A line of one word (`advert`, `content`) marks a part and is set off by a short jingle.
        scene["turns"].append((name, text) if colon else (None, line))
    return scene


class Mix:
    """Samples so far, and what was said when."""

    def __init__(self, voices):
        self.samples, self.said, self.voices = [], [], voices

    def seconds(self):
        return len(self.samples) / RATE

    def pause(self, seconds):
        self.samples += [0.0] * int(seconds * RATE)

    def say(self, name, text):
        for sentence in sentences(text):
            start = self.seconds()
            self.samples += spoken(self.voices[name], sentence.strip())
            self.said.append((start, self.seconds(), name, sentence.strip()))
            self.pause(0.32)
        self.pause(0.25)

    def music(self, show, seconds, loud=0.55):
        notes = tones(show["chords"], show["base"], show["beat"], seconds)
        fade = int(0.6 * RATE)
        for at in range(fade):
            notes[-at - 1] *= at / fade
        self.samples += [value * loud for value in notes]

    def under(self, show, start, loud=0.12):
        """Music under what was said since `start`."""
        first = int(start * RATE)
        notes = tones(show["chords"], show["base"], show["beat"], len(self.samples) / RATE - start)
        for at, value in enumerate(notes):
            self.samples[first + at] += value * loud


def render(scene):
    show = SHOWS[scene["show"]]
    hosts = {name for name, _ in show["intro"] + show["outro"]}
    voices = {"Mara": "slt", "Callum": "awb", "Ines": "slt", "Victor": "rms", **scene["voices"]}
    assert hosts <= voices.keys()
    mix = Mix(voices)
    short = "short" in scene
    if not short:
        mix.music(show, 3.0)
        begun = mix.seconds()
        for name, text in show["intro"]:
            mix.say(name, text)
        mix.under(show, begun)
        mix.music(show, 1.6, 0.4)
        mix.pause(0.4)
    else:
        mix.pause(0.4)
    for name, text in scene["turns"]:
        if name is None:
            mix.pause(0.4)
            mix.music(show, 1.2, 0.4)
            mix.pause(0.3)
        else:
            mix.say(name, text)
    mix.pause(0.5)
    if not short:
        begun = mix.seconds()
        for name, text in show["outro"]:
            mix.say(name, text)
        mix.under(show, begun)
        mix.music(show, 3.0)
    return mix


def write_wave(path, samples):
    # A whisper of noise, so that pauses are those of a room and not digital silence.
    rng = random.Random(1)
    data = array.array("h", (int(32767 * max(-1.0, min(1.0, value + rng.uniform(-0.0006, 0.0006)))) for value in samples))
    if sys.byteorder == "big":
        data.byteswap()
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(data.tobytes())


def encode(source, target, tags=(), options=None):
    words = ["ffmpeg", "-v", "error", "-y", "-bitexact", "-i", str(source), "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    for name, value in tags:
        words += ["-metadata", f"{name}={value}"]
    subprocess.run([*words, *(options or CODECS[target.suffix]), str(target)], check=True)


def stamp(seconds, comma="."):
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{comma}{ms % 1000:03}"


def turns(said):
    """Consecutive sentences of one speaker."""
    joined = []
    for start, end, name, text in said:
        if joined and joined[-1][2] == name:
            joined[-1] = (joined[-1][0], end, name, f"{joined[-1][3]} {text}")
        else:
            joined.append((start, end, name, text))
    return joined


def transcript(suffix, said):
    if suffix == ".vtt":
        return "WEBVTT\n\n" + "\n".join(f"{stamp(a)} --> {stamp(b)}\n<v {name}>{html.escape(text, quote=False)}\n" for a, b, name, text in said)
    if suffix == ".srt":
        cues, last = [], None
        for at, (a, b, name, text) in enumerate(said):
            label, last = ("" if name == last else f"{name}: "), name
            cues.append(f"{at + 1}\n{stamp(a, ',')} --> {stamp(b, ',')}\n{label}{text}\n")
        return "\n".join(cues)
    if suffix == ".json":
        segments = [{"speaker": name, "startTime": round(a, 3), "endTime": round(b, 3), "body": text} for a, b, name, text in said]
        return json.dumps({"version": "1.0.0", "segments": segments}, indent=1) + "\n"
    if suffix == ".html":
        lines = [f"<cite>{name}:</cite>\n<time>{int(a) // 60}:{int(a) % 60:02}</time>\n<p>{html.escape(text, quote=False)}</p>" for a, _, name, text in turns(said)]
        return "\n".join(lines) + "\n"
    return "\n".join(f"{name}: {text}\n" for _, _, name, text in turns(said))


def item(scene, length):
    """One `<item>` of the feed."""
    audio = Path(scene["audio"])
    lines = [
        f"<title>{html.escape(scene['title'])}</title>",
        f"<guid isPermaLink=\"false\">{scene['guid']}</guid>",
        f"<pubDate>{scene['rfc2822']}</pubDate>",
        f"<description>{html.escape(scene['description'])}</description>",
        # RSS's own way to say which show an item of a joint feed comes from.
        f"<source url=\"https://example.org/{scene['show'].lower().replace(' ', '-')}.xml\">{html.escape(scene['show'])}</source>",
        f"<itunes:author>{html.escape(SHOWS[scene['show']]['author'])}</itunes:author>",
        f"<itunes:duration>{round(scene['seconds'])}</itunes:duration>",
        f"<enclosure url=\"audio/{audio.name}\" length=\"{length}\" type=\"{MEDIA[audio.suffix]}\"/>",
    ]
    if "transcript" in scene:
        path = Path(scene["transcript"])
        lines.append(f"<podcast:transcript url=\"transcripts/{path.name}\" type=\"{MEDIA[path.suffix]}\" language=\"en\"/>")
    return "    <item>\n" + "".join(f"      {line}\n" for line in lines) + "    </item>\n"


def record(scene):
    """One line of episodes.jsonl."""
    row = {
        "id": scene["guid"], "show": scene["show"], "title": scene["title"], "description": scene["description"],
        "published": scene["published"], "audio": f"audio/{scene['audio']}", "transcript": None, "language": "en",
        "priority": "normal", "revision": 1,
    }
    if "transcript" in scene:
        path = Path(scene["transcript"])
        row["transcript"] = {"uri": f"transcripts/{path.name}", "media_type": MEDIA[path.suffix]}
    return json.dumps(row) + "\n"


def rfc2822(stamp):
    from datetime import datetime
    from email.utils import format_datetime

    return format_datetime(datetime.fromisoformat(stamp.replace("Z", "+00:00")))


def copies(audio, scenes):
    """What real feeds hold besides new episodes: the same again, damage, and a page in place of audio."""
    by_guid = {scene["guid"]: scene for scene in scenes}
    again = {**by_guid["counter-talk-2"], "guid": "counter-talk-2-again", "published": "2026-09-23T04:30:00Z", "audio": "counter-talk-2-again.flac"}
    shutil.copyfile(audio / "counter-talk-2.flac", audio / again["audio"])
    other = {**by_guid["small-wonders-1"], "guid": "small-wonders-1-other-host", "published": "2026-09-20T06:00:00Z", "audio": "small-wonders-1-other-host.opus"}
    encode(audio / "small-wonders-1.mp3", audio / other["audio"])
    gone = {
        "guid": "long-ledger-4", "show": "The Long Ledger", "title": "The Entry That Went Missing", "published": "2026-09-25T05:00:00Z",
        "description": "The host answers with a page instead of the audio.", "audio": "long-ledger-4.mp3", "seconds": 180.0,
    }
    page = "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head>\n<body><h1>Not Found</h1><p>The file has moved.</p></body></html>\n"
    (audio / gone["audio"]).write_text(page, encoding="utf-8")
    return [again, other, gone]


def main():
    audio, texts = HERE / "audio", HERE / "transcripts"
    for folder in (audio, texts):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    scenes = [read_scene(path) for path in sorted((HERE / "scenes").glob("*.txt"))]
    for scene in scenes:
        mix = render(scene)
        scene["seconds"] = mix.seconds()
        target = audio / scene["audio"]
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "mix.wav"
            write_wave(raw, mix.samples)
            encode(raw, target, [("title", scene["title"]), ("album", scene["show"]), ("artist", SHOWS[scene["show"]]["author"])])
        if "cut" in scene:
            data = target.read_bytes()
            target.write_bytes(data[: int(len(data) * float(scene["cut"]))])
        if "transcript" in scene:
            path = texts / scene["transcript"]
            path.write_text(transcript(path.suffix, mix.said), encoding="utf-8")
        print(f"{target.name}: {scene['seconds']:.1f} s, {target.stat().st_size} bytes", flush=True)
    scenes += copies(audio, scenes)
    scenes.sort(key=lambda scene: scene["published"])
    for scene in scenes:
        scene["rfc2822"] = rfc2822(scene["published"])
    items = "".join(item(scene, (audio / scene["audio"]).stat().st_size) for scene in scenes)
    feed = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- Made by make.py. Three shows in one feed, as an aggregator would offer them. -->
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:podcast="https://podcastindex.org/namespace/1.0">
  <channel>
    <title>Example shows</title>
    <link>https://example.org/</link>
    <language>en</language>
    <description>Episodes made for trying hark: spoken by a synthesiser, in many codecs and transcript formats, some of them damaged on purpose.</description>
    <itunes:author>The hark project</itunes:author>
{items}  </channel>
</rss>
"""
    (HERE / "feed.xml").write_text(feed, encoding="utf-8")
    (HERE / "episodes.jsonl").write_text("".join(map(record, scenes)), encoding="utf-8")
    total = sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file())
    print(f"{len(scenes)} episodes, {sum(scene['seconds'] for scene in scenes) / 60:.1f} min, {total / 1e6:.2f} MB in all")


if __name__ == "__main__":
    main()
