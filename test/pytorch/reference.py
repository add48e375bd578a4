"""The step of Momentum Contrast in PyTorch, written from the papers (arXiv:1911.05722, algorithm 1; arXiv:2003.04297), with the
names and the checkpoints of facebookresearch/moco. Groups stand for the GPUs of DistributedDataParallel: each has BatchNorm
statistics of its own, and keys are encoded in shuffled groups. For tests of `moco-web import` and `export`; Python 3, torch 1.13.

  begin SPEC OUT STEPS [--legacy]        a new run of the reference saved after some steps; prints the losses of all of them
  continue SPEC IN STEPS                 goes on with what torch.load(weights_only=True) reads; prints the losses
  published OUT                          a ResNet-50 with an MLP head as a legacy stream, in the layout of the published files

SPEC is JSON: block, layers, planes, stem, dim, mlp, queue, batch, groups, image, momentum, temperature, lr, weightDecay.
"""
import json
import sys
from collections import OrderedDict

import torch
from torch import nn

EXPANSION = {"basic": 1, "bottleneck": 4}


class Block(nn.Module):
    def __init__(self, kind, channels, planes, stride):
        super().__init__()
        out = planes * EXPANSION[kind]
        shapes = [(channels, planes, 3, stride), (planes, planes, 3, 1)]
        if kind == "bottleneck":
            shapes = [(channels, planes, 1, 1), (planes, planes, 3, stride), (planes, out, 1, 1)]
        for i, (a, b, kernel, step) in enumerate(shapes, 1):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(b))
        self.depth = len(shapes)
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.depth:
                y = torch.relu(y)
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Encoder(nn.Module):
    def __init__(self, spec):
        super().__init__()
        large = spec["stem"] == "imagenet"
        first = spec["planes"][0]
        self.conv1 = nn.Conv2d(3, first, 7 if large else 3, 2 if large else 1, 3 if large else 1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.pool = large
        channels = first
        self.stages = len(spec["layers"])
        for stage, (blocks, planes) in enumerate(zip(spec["layers"], spec["planes"])):
            stack = []
            for i in range(blocks):
                stack.append(Block(spec["block"], channels, planes, 2 if stage > 0 and i == 0 else 1))
                channels = planes * EXPANSION[spec["block"]]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*stack))
        if spec["mlp"]:
            self.fc = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, spec["dim"]))
        else:
            self.fc = nn.Linear(channels, spec["dim"])

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        if self.pool:
            x = nn.functional.max_pool2d(x, 3, 2, 1)
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


class Moco(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.encoder_q = Encoder(spec)
        self.encoder_k = Encoder(spec)
        self.encoder_k.load_state_dict(self.encoder_q.state_dict())
        for parameter in self.encoder_k.parameters():
            parameter.requires_grad = False
        self.register_buffer("queue", nn.functional.normalize(torch.randn(spec["dim"], spec["queue"]), dim=0))
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))


def in_groups(encoder, images, groups):
    """Group g has every groups-th image, as DistributedSampler deals them out."""
    outputs = [encoder(images[group::groups]) for group in range(groups)]
    return torch.stack(outputs, 1).flatten(0, 1)


def step(model, optimizer, spec, number):
    q_images, k_images, order = inputs(spec, number)
    batch, keep = spec["batch"], spec["momentum"]
    with torch.no_grad():
        for q, k in zip(model.encoder_q.parameters(), model.encoder_k.parameters()):
            k.mul_(keep).add_(q, alpha=1 - keep)
        shuffled = in_groups(model.encoder_k, k_images[order], spec["groups"])
        keys = torch.empty_like(shuffled)
        keys[order] = nn.functional.normalize(shuffled, dim=1)
    queries = nn.functional.normalize(in_groups(model.encoder_q, q_images, spec["groups"]), dim=1)
    logits = torch.cat([(queries * keys).sum(1, keepdim=True), queries @ model.queue.clone()], 1)
    loss = nn.functional.cross_entropy(logits / spec["temperature"], torch.zeros(batch, dtype=torch.long))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    pointer = int(model.queue_ptr)
    assert spec["queue"] % batch == 0 and pointer + batch <= spec["queue"]
    model.queue[:, pointer : pointer + batch] = keys.T
    model.queue_ptr[0] = (pointer + batch) % spec["queue"]
    return loss.item()


def hashed(first, count):
    """Values in -2 ... 2 that any language makes alike."""
    x = (torch.arange(first, first + count, dtype=torch.int64) * 2654435761) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 73244475) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    return (x.double() / 2**30 - 2).float()


def inputs(spec, number):
    shape = (spec["batch"], 3, spec["image"], spec["image"])
    size = spec["batch"] * 3 * spec["image"] ** 2
    views = [hashed((2 * number + view) * size, size).reshape(shape) for view in range(2)]
    order = torch.argsort(hashed(number * spec["batch"], spec["batch"]), stable=True)
    return views[0], views[1], order


def build(spec):
    torch.manual_seed(0)
    model = Moco(spec)
    optimizer = torch.optim.SGD(model.parameters(), spec["lr"], momentum=0.9, weight_decay=spec["weightDecay"])
    return model, optimizer


def checkpoint(model, optimizer, epoch, arch):
    # As DistributedDataParallel names them; buffers of the model itself come first.
    states = OrderedDict((f"module.{name}", tensor) for name, tensor in model.state_dict().items())
    return {"epoch": epoch, "arch": arch, "state_dict": states, "optimizer": optimizer.state_dict()}


def main():
    command, *args = sys.argv[1:]
    torch.set_num_threads(1)
    if command == "published":
        spec = {"block": "bottleneck", "layers": [3, 4, 6, 3], "planes": [64, 128, 256, 512], "stem": "imagenet"}
        spec.update(dim=128, mlp=True, queue=65536, lr=0.03, weightDecay=1e-4)
        model, optimizer = build(spec)
        for i, parameter in enumerate(model.encoder_q.parameters()):
            optimizer.state[parameter]["momentum_buffer"] = 1e-3 * torch.randn_like(parameter)
        # The rate of the last epoch, as the step schedule leaves it.
        optimizer.param_groups[0]["lr"] = 0.0003
        torch.save(checkpoint(model, optimizer, 200, "resnet50"), args[0], _use_new_zipfile_serialization=False)
        return
    spec = json.loads(args[0])
    model, optimizer = build(spec)
    steps = int(args[2])
    losses = []
    if command == "begin":
        for number in range(1, steps + 1):
            losses.append(step(model, optimizer, spec, number))
        saved = checkpoint(model, optimizer, 1, "resnet_test")
        torch.save(saved, args[1], _use_new_zipfile_serialization="--legacy" not in args)
        first = steps + 1
    else:
        saved = torch.load(args[1], weights_only=True)
        model.load_state_dict({name[len("module.") :]: tensor for name, tensor in saved["state_dict"].items()})
        optimizer.load_state_dict(saved["optimizer"])
        for group in optimizer.param_groups:
            group["lr"] = spec["lr"]  # adjust_learning_rate, which the reference calls at each epoch
        first = int(args[3])
    for number in range(first, first + steps):
        losses.append(step(model, optimizer, spec, number))
    print(json.dumps(losses))


main()
