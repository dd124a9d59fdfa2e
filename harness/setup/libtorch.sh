#!/bin/bash
# libtorch, slim: the parts of the torch wheel that link and run on a machine without a GPU, and the
# two CUDA libraries that libtorch_cpu.so loads by a path relative to itself. On a GPU host the same
# binary opens the CUDA libraries of the torch that is installed there.
. "$(dirname "$0")/step.sh"

up_to_date "$pins/libtorch.txt" "$pins/libtorch.keep" -- \
    "$hark/torch/lib/libtorch_cpu.so" "$hark/nvidia/cu13/lib/libcudart.so.13" && exit 0

one_at_a_time
begin
room 1300
say "fetching libtorch 2.11.0 (544 MB once, 0.5 GB stays; a minute on a fast line)"
# The wheels of CPython 3.11 whatever runs here: the C++ libraries inside do not depend on it.
fetch "$pins/libtorch.txt" --only-binary :all: --implementation cp --python-version 3.11 \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64
wheels=("$hark"/downloads/{torch-,nvidia_cuda_}*.whl)
logged "unpacking libtorch" "run again" \
    "$python" harness/setup/unpack.py "$pins/libtorch.keep" "$part" "${wheels[@]}"
rm -rf "$hark/torch" "$hark/nvidia"
mv "$part/nvidia" "$part/torch" "$hark/"
done_with "${wheels[@]}"
