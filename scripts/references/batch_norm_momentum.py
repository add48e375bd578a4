"""Running statistics of a narrow MobileNetV3 (momentum 0.01) after each of 5 batches in training mode.

    /usr/bin/python3 scripts/references/batch_norm_momentum.py

reads test/autodiff/references/encoders/mobilenet_v3_small-training-opset14.onnx for the weights and input-64.safetensors
for the images; batch k is these times 1 - k/10. Writes test/train/references/batch-norm-momentum.safetensors, with
`step<k>.<layer>.running_mean` and `.running_var`. Computed in float64.
"""
import json
import os
import struct
import sys

import numpy as np
import torch

from onnx_file import read
from record import write_safetensors
from small_encoders import mobilenet_v3_small

HERE = os.path.dirname(__file__)
ENCODERS = os.path.join(HERE, '../../test/autodiff/references/encoders')
OUT = os.path.join(HERE, '../../test/train/references')
LAYERS = ('features.0.1', 'features.1.block.0.1', 'features.12.1')


def images():
    with open(f'{ENCODERS}/input-64.safetensors', 'rb') as file:
        data = file.read()
    length = struct.unpack('<Q', data[:8])[0]
    x = json.loads(data[8 : 8 + length])['x']
    begin, end = x['data_offsets']
    return torch.from_numpy(np.frombuffer(data[8 + length + begin : 8 + length + end], '<f4').reshape(x['shape']).copy())


def main():
    model = mobilenet_v3_small()
    initializers = read(f'{ENCODERS}/mobilenet_v3_small-training-opset14.onnx')['initializers']
    state = {k: torch.from_numpy(np.array(v)) for k, v in initializers.items() if k in model.state_dict()}
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert all(name.endswith('num_batches_tracked') for name in missing), missing
    model = model.double().train()
    tensors = {}
    with torch.no_grad():
        for step in range(5):
            model((images() * (1 - step / 10)).double())
            for name, part in model.named_modules():
                if name in LAYERS:
                    tensors[f'step{step}.{name}.running_mean'] = part.running_mean.float().clone()
                    tensors[f'step{step}.{name}.running_var'] = part.running_var.float().clone()
    os.makedirs(OUT, exist_ok=True)
    write_safetensors(os.path.join(OUT, 'batch-norm-momentum.safetensors'), tensors)


if __name__ == '__main__':
    sys.exit(main())
