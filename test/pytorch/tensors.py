"""Tensors of all the kinds that files of torch.save hold, and what they are: for tests. Arguments: a folder."""
import json
import sys
from collections import OrderedDict

import torch

folder = sys.argv[1]
base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 8 - 1
whole = torch.arange(-3, 9).reshape(3, 4)
shared = torch.linspace(-2, 2, 12)
tensors = OrderedDict(
    f16=base.half(),
    bf16=base.bfloat16(),
    f32=base,
    f64=base.double() / 3,
    i64=whole * 2**40,
    i32=whole.int(),
    i16=whole.short(),
    i8=whole.char(),
    u8=whole.abs().byte(),
    bool=whole > 0,
    transposed=base.permute(2, 0, 1),
    channels_last=torch.randn(2, 3, 4, 5, generator=torch.manual_seed(1)).half().to(memory_format=torch.channels_last),
    row=shared[3:7],
    every_third=shared[1::3],
    matrix=shared.reshape(3, 4)[:, 1:3],
    expanded=shared[2:3].expand(4),
    specials=torch.tensor([float("inf"), float("-inf"), 65504.0, 6e-8, -0.0]).half(),
    scalar=torch.tensor(7),
    empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(base[0]),
)
torch.save(tensors, f"{folder}/tensors.pth")
torch.save(tensors, f"{folder}/tensors-legacy.pth", _use_new_zipfile_serialization=False)
expected = {
    name: {"shape": list(t.shape), "float": t.is_floating_point(), "values": [str(x) for x in t.detach().reshape(-1).tolist()]}
    for name, t in tensors.items()
}
json.dump(expected, open(f"{folder}/tensors.json", "w"))
