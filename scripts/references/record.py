"""Exports a module to ONNX and records its float64 gradients beside it.

NAME.onnx          what torch.onnx.export wrote, input `x`, output `y`
NAME.safetensors   x, y, dy, grad.x and grad.<initializer name>, float32, for the loss sum(y * dy)

The exported weights are float32. The reference converts those very weights to float64, computes there, and rounds its
results to float32 for storage; what float32 itself loses is in the manifest as `deviation`.
"""
import copy
import json
import os
import warnings

import numpy as np
import torch

import onnx_file

MODES = {
    'eval': torch.onnx.TrainingMode.EVAL,
    'preserve': torch.onnx.TrainingMode.PRESERVE,
    'training': torch.onnx.TrainingMode.TRAINING,
}


def export(module, x, path, opset=13, mode='eval', dynamic=(), fold=None):
    """Writes `path` with its batch left open in the tensors named in `dynamic`. Leaves `module` as it was."""
    module = copy.deepcopy(module)  # an export in training mode runs the module once, which moves running statistics
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            module,
            x,
            path,
            opset_version=opset,
            training=MODES[mode],
            do_constant_folding=mode != 'training' if fold is None else fold,
            input_names=['x'],
            output_names=['y'],
            dynamic_axes={name: {0: 'batch'} for name in dynamic},
        )


def gradients(module, x, dy, dtype):
    """y, d/dx and {parameter: d/dparameter} of sum(y * dy), computed in `dtype`, as numpy arrays."""
    module = copy.deepcopy(module).to(dtype)
    x = x.detach().to(dtype).requires_grad_()
    y = module(x)
    named = dict(module.named_parameters())
    wanted = [x, *named.values()]
    found = torch.autograd.grad((y * dy.to(dtype)).sum(), wanted, allow_unused=True)
    arrays = [np.zeros(v.shape, 'f8') if g is None else g.numpy() for v, g in zip(wanted, found)]
    return y.detach().numpy(), arrays[0], dict(zip(named, arrays[1:]))


def by_initializer(module, grads, initializers):
    """Files the gradients of parameters under the names of the initializers that hold them.

    Under constant folding torch renames a transposed or reshaped weight (onnx::MatMul_12), and outside of training mode
    it stores parameters of equal value once; the gradient of a shared initializer is the sum over its parameters.
    """
    filed = {}
    for name, parameter in module.named_parameters():
        value = parameter.detach().numpy()
        if name in initializers:
            assert np.array_equal(initializers[name], value), f'{name} was exported with another value'
            holder, grad = name, grads[name]
        else:
            holder, grad = next(
                (key, g.reshape(stored.shape))
                for key, stored in initializers.items()
                for v, g in ((value, grads[name]), (value.T, grads[name].T))
                if np.array_equal(stored.ravel(), v.ravel())
            )
        filed[holder] = filed.get(holder, 0) + grad
    return filed


def relative(value, reference, least=0.0):
    """|value - reference| / max(|reference|, least), 0 if all vanish, to three digits."""
    difference, norm = np.linalg.norm(value - reference), max(np.linalg.norm(reference), least)
    return float(f'{difference / norm:.2e}') if norm > 0 else float(difference)


def total(grads):
    return float(np.sqrt(sum(np.square(g, dtype='f8').sum() for g in grads.values())))


def relative_of_all(grads, references):
    return float(f'{total({k: g - references[k] for k, g in grads.items()}) / total(references):.2e}')


def kink(module, x, dy, grads, step):
    """How far the gradients move, relative to all of them, when x does by `step` of itself at random.

    About `step` where the function is smooth; far more where a ReLU, a maximum or a comparison is about to switch.
    """
    _, dx, moved = gradients(module, x.double() * (1 + step * torch.randn(x.shape)), dy, torch.float64)
    return relative_of_all({**moved, 'x': dx}, grads)


def write_safetensors(path, tensors):
    """https://github.com/huggingface/safetensors, section Format."""
    header, parts, size = {}, [], 0
    for name, value in tensors.items():
        value = np.asarray(value, '<f4', order='C')
        header[name] = {'dtype': 'F32', 'shape': value.shape, 'data_offsets': [size, size + value.nbytes]}
        parts.append(value.tobytes())
        size += value.nbytes
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)  # so that the data may be read in place
    with open(path, 'wb') as file:
        file.write(len(text).to_bytes(8, 'little') + text + b''.join(parts))


class Unsuitable(Exception):
    """The gradient jumps close to the input, or is 0 because a unit is dead: another seed is needed."""


def record(
    directory, name, module, x, opset=13, mode='eval', dynamic=(), fold=None, reference=None, smooth=True, shared=None
):
    """Writes NAME.onnx and NAME.safetensors; returns the manifest's entry.

    Gradients that are 0 but for rounding (a bias before a batch normalization) are `vanishing`: their deviation is
    relative to the norm of all gradients.

    `reference` computes the gradients where they aren't those of `module` itself (see encoders.py, folded exports):
    it is called with the exported initializers and returns the module that holds them as its parameters.
    `smooth`: raise Unsuitable where a step of 1e-6 moves the gradients by more than 1e-4, or where one of them is 0.
    `shared` names the file that x is stored in; NAME.safetensors is then without x, and with the gradient of its first
    image only, as `grad.x.0`.
    """
    path = f'{directory}/{name}.onnx'
    module.train(mode == 'training')
    export(module, x, path, opset, mode, dynamic, fold)
    model = onnx_file.read(path)
    module = reference(model['initializers']) if reference else module
    with torch.no_grad():
        dy = torch.randn(copy.deepcopy(module)(x).shape)
    y, dx, grads = gradients(module, x, dy, torch.float64)
    moved = max(kink(module, x, dy, {**grads, 'x': dx}, 1e-6) for _ in range(2))
    if smooth and moved > 1e-4:
        raise Unsuitable(f'{name}: the gradient jumps close to the input (a step of 1e-6 moves it by {moved:.1e})')
    dead = [k for k, g in grads.items() if not g.any()]
    if smooth and dead:
        raise Unsuitable(f'{name}: no gradient reaches {dead}')
    y32, dx32, grads32 = gradients(module, x, dy, torch.float32)
    filed = by_initializer(module, grads, model['initializers'])
    filed32 = by_initializer(module, grads32, model['initializers'])
    norm = total({**filed, 'x': dx})
    vanishing = [k for k, g in filed.items() if np.linalg.norm(g) < 1e-10 * norm]
    images = {'grad.x.0': dx[:1]} if shared else {'x': x.numpy(), 'grad.x': dx}
    tensors = {**images, 'y': y, 'dy': dy.numpy()}
    write_safetensors(f'{directory}/{name}.safetensors', {**tensors, **{f'grad.{k}': g for k, g in filed.items()}})
    return {
        'name': name,
        'opset': model['opset'],
        'mode': mode,
        'dynamic': list(dynamic),
        **({'input': shared} if shared else {}),
        'operators': sorted({node[0] for node in model['nodes']}),
        'moved': float(f'{moved:.2e}'),
        'vanishing': [f'grad.{k}' for k in vanishing],
        'deviation': {
            'all': relative_of_all({**filed32, 'x': dx32}, {**filed, 'x': dx}),
            'y': relative(y32, y),
            'grad.x': relative(dx32, dx),
            **{f'grad.{k}': relative(filed32[k], g, norm if k in vanishing else 0) for k, g in filed.items()},
        },
    }


def write_manifest(directory, entries, name='manifest.json'):
    """Puts the entries in place of those of their names, and behind them where they are new."""
    path = f'{directory}/{name}'
    if os.path.exists(path):
        with open(path) as file:
            entries = list({entry['name']: entry for entry in json.load(file) + entries}.values())
    with open(path, 'w') as file:
        json.dump(entries, file, indent=2)
        file.write('\n')
