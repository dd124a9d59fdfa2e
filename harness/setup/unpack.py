"""Unpacks the members of wheels that a list of patterns keeps: unpack.py PATTERNS DESTINATION WHEEL...

Only what is kept is written, so the disk never holds the 1.2 GB that the wheels unpack to.
"""

import fnmatch
import sys
import zipfile
from pathlib import Path


def main(patterns_file, destination, *wheels):
    lines = Path(patterns_file).read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    unused = set(patterns)
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                keeping = [p for p in patterns if fnmatch.fnmatchcase(member, p)]
                if keeping:
                    unused.difference_update(keeping)
                    archive.extract(member, destination)
    if unused:
        sys.exit(f"no wheel holds {', '.join(sorted(unused))}: do the pins and {patterns_file} agree?")


main(*sys.argv[1:])
