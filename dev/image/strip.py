#!/usr/bin/env python3
"""A Packer template without what Packer 1.6.6 does not know: the newest that Debian packages.

    strip.py FROM TO      directories; FROM's *.pkr.hcl are written to TO

Only whole blocks and attributes are left out, by these names. Everything else stays as it is, so
that what 1.6.6 validates and builds is the template that is shipped.
"""

import sys
from pathlib import Path

# The name, and the version of Packer or of its Amazon plugin that brought it.
NEWER = (
    "required_version = ",  # of a later Packer than this
    "required_plugins {",  # 1.7
    "metadata_options {",  # 1.7
    "imds_support ",  # amazon 1.1
    "temporary_key_pair_type ",  # 1.7
)


def stripped(text: str) -> str:
    """The text without the newer names. Each is on a line of its own, as `packer fmt` has it."""
    kept, depth = [], 0
    for line in text.splitlines(keepends=True):
        if depth == 0 and not line.strip().startswith(NEWER):
            kept.append(line)
            continue
        depth += line.count("{") - line.count("}")
    return "".join(kept)


def main():
    source, target = map(Path, sys.argv[1:])
    for template in source.glob("*.pkr.hcl"):
        (target / template.name).write_text(stripped(template.read_text()))


if __name__ == "__main__":
    main()
