"""Records steps of torch.optim.AdamW.

    python3 scripts/references/adamw.py

writes test/optimizers/references/: a file a case and manifest.json, in the form that `moco-web golden --dir` reads.

Inputs: p.0.<tensor>, grad.<step>.<tensor>. Outputs: p, exp_avg and exp_avg_sq after each step, <what>.<step>.<tensor>. They are
computed in float64 from the stored float32 inputs and rounded to float32. Tolerance: |got - ref| <= atol + rtol*|ref|, with
an atol of ten times the largest deviation of torch's own float32 run (`f32_err`), or 5e-7 of the tensor's largest value
where that is more.
"""
import json
import math
import os
import zlib

import numpy as np
import torch

from record import write_safetensors

OUT = os.path.join(os.path.dirname(__file__), '../../test/optimizers/references')
RTOL = 1e-6

SHAPES = {
    'b': (4,),  # a bias: torch decays it as well
    'c': (2, 3, 3, 3),
    'jump': (3, 7),  # its gradient is a thousand times as large in the third step
    'still': (2, 4),  # never has a gradient: it only decays
    'tiny': (6, 5),  # gradients as small as eps
    'w': (5, 3),
    'zero': (3, 2),  # begins at 0
}

CASES = {
    'adamw': dict(lr=[1e-3, 1e-3, 5e-4, 2e-3, 1e-3, 1e-4], betas=[0.9, 0.999], eps=1e-8, weight_decay=0.01),
    'adamw_no_decay': dict(lr=[1e-2] * 4, betas=[0.9, 0.999], eps=1e-8, weight_decay=0.0),
    'adamw_others': dict(lr=[0.0, 0.05, 0.1, 0.05], betas=[0.8, 0.95], eps=1e-4, weight_decay=0.3),
}


def inputs_of(params):
    tensors = {f'p.0.{name}': torch.randn(shape) for name, shape in SHAPES.items()}
    tensors['p.0.zero'].zero_()
    for step in range(1, len(params['lr']) + 1):
        for name, shape in SHAPES.items():
            scale = {'jump': 1e3 if step == 3 else 1.0, 'still': 0.0, 'tiny': 1e-8}.get(name, 1.0)
            tensors[f'grad.{step}.{name}'] = scale * torch.randn(shape)
    return tensors


def run(tensors, params, dtype):
    """Every p, exp_avg and exp_avg_sq, by step."""
    parameters = {name: tensors[f'p.0.{name}'].to(dtype, copy=True).requires_grad_() for name in SHAPES}
    rest = {key: params[key] for key in ('betas', 'eps', 'weight_decay')}
    optimizer = torch.optim.AdamW(parameters.values(), lr=params['lr'][0], **rest)
    found = {}
    for step, lr in enumerate(params['lr'], 1):
        optimizer.param_groups[0]['lr'] = lr
        for name, parameter in parameters.items():
            parameter.grad = tensors[f'grad.{step}.{name}'].to(dtype)
        optimizer.step()
        for name, parameter in parameters.items():
            state = optimizer.state[parameter]
            now = {'p': parameter, 'exp_avg': state['exp_avg'], 'exp_avg_sq': state['exp_avg_sq']}
            found.update({f'{what}.{step}.{name}': value.detach().double().numpy().copy() for what, value in now.items()})
    return found


def rounded_up(value):
    """To one digit."""
    if value == 0:
        return 0
    unit = 10.0 ** math.floor(math.log10(value))
    return float(f'{math.ceil(value / unit - 1e-9) * unit:.0e}')


def case_of(name, params):
    torch.manual_seed(zlib.crc32(name.encode()))
    inputs = inputs_of(params)
    exact, single = (run(inputs, params, dtype) for dtype in (torch.float64, torch.float32))
    listed = {key: {'dtype': 'F32', 'shape': list(value.shape), 'role': 'in'} for key, value in inputs.items()}
    for key, value in exact.items():
        largest, error = (float(np.abs(x).max()) for x in (value, single[key] - value))
        listed[key] = {
            'dtype': 'F32',
            'shape': list(value.shape),
            'role': 'out',
            'atol': rounded_up(max(10 * error, 5e-7 * largest)),
            'max_abs': float(f'{largest:.3g}'),
            'f32_err': float(f'{error:.2g}'),
        }
    values = {key: value.numpy() for key, value in inputs.items()}
    values.update({key: value.astype('f4') for key, value in exact.items()})
    write_safetensors(f'{OUT}/{name}.safetensors', values)
    return {
        'name': name,
        'what': 'steps of torch.optim.AdamW',
        'file': f'{name}.safetensors',
        'params': params,
        'rtol': RTOL,
        'tensors': dict(sorted(listed.items())),
    }


if __name__ == '__main__':
    os.makedirs(OUT, exist_ok=True)
    manifest = {
        'format': 1,
        'made_with': {'torch': torch.__version__, 'numpy': np.__version__, 'device': 'CPU x86-64'},
        'cases': [case_of(name, params) for name, params in CASES.items()],
    }
    with open(f'{OUT}/manifest.json', 'w') as file:
        json.dump(manifest, file, indent=2)
