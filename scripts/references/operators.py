"""Records a small reference for every operator and form of it that torch.onnx writes.

    python3 scripts/references/operators.py [NAME...]

writes test/autodiff/references/operators/; with names, those cases alone.
"""
import os
import sys
import zlib

import torch

import cases_elementwise  # noqa: F401 (the tables fill CASES)
import cases_layout  # noqa: F401
import cases_linear  # noqa: F401
from cases import CASES, apart, randomize
from record import record, write_manifest

OUT = os.path.join(os.path.dirname(__file__), '../../test/autodiff/references/operators')


def main(names):
    os.makedirs(OUT, exist_ok=True)
    entries = []
    for name in names or CASES:
        case = dict(CASES[name])
        torch.manual_seed(zlib.crc32(name.encode()))
        module = randomize(case.pop('module')())
        x = apart(*case.pop('shape'), low=case.pop('low'), high=case.pop('high'))
        entries.append(record(OUT, name, module, x, **case))
    write_manifest(OUT, entries)


if __name__ == '__main__':
    main(sys.argv[1:])
