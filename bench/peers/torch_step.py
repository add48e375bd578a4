"""The peer PyTorch: a MoCo v2 training step on native CPU code. Started by run.mjs, which says what the lines mean.

    python3 torch_step.py DIR

DIR holds spec.json (the settings) and initial.safetensors (weights, queue, images, orders), both made by moco-web.mjs.
"""

import json
import sys
import time
from pathlib import Path


def say(**message):
    print(json.dumps(message), flush=True)


try:
    import numpy
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError as error:
    say(unavailable=f"{error}, of {sys.executable}: apt-get install python3-torch libopenblas0-openmp")
    sys.exit()

DEPTHS = {"resnet18": ("basic", [2, 2, 2, 2]), "resnet50": ("bottleneck", [3, 4, 6, 3])}


class GroupedBatchNorm(nn.BatchNorm2d):
    """SplitBatchNorm of MoCo's CIFAR-10 notebook: row n of a batch belongs to group n mod groups."""

    groups = 1

    def forward(self, x):
        if self.groups == 1:
            return super().forward(x)
        n, c, h, w = x.shape
        g = self.groups
        means, variances = self.running_mean.repeat(g), self.running_var.repeat(g)
        split = x.reshape(n // g, g * c, h, w)
        weight, bias = self.weight.repeat(g), self.bias.repeat(g)
        y = F.batch_norm(split, means, variances, weight, bias, True, self.momentum, self.eps)
        self.running_mean.copy_(means.view(g, c).mean(0))
        self.running_var.copy_(variances.view(g, c).mean(0))
        return y.reshape(n, c, h, w)


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


class Block(nn.Module):
    def __init__(self, kind, inputs, planes, stride):
        super().__init__()
        outputs = planes * (4 if kind == "bottleneck" else 1)
        if kind == "basic":
            layers = [(inputs, planes, 3, stride), (planes, planes, 3, 1)]
        else:
            layers = [(inputs, planes, 1, 1), (planes, planes, 3, stride), (planes, outputs, 1, 1)]
        self.depth = len(layers)
        for i, layer in enumerate(layers, 1):
            self.add_module(f"conv{i}", conv(*layer))
            self.add_module(f"bn{i}", GroupedBatchNorm(layer[1]))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), GroupedBatchNorm(outputs))

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.depth:
                y = F.relu(y, inplace=True)
        return F.relu(y + (x if self.downsample is None else self.downsample(x)), inplace=True)


class ResNet(nn.Module):
    """torchvision's ResNet, its names too, with the stem and the head of src/onnx/resnet.ts."""

    def __init__(self, spec):
        super().__init__()
        kind, depths = DEPTHS[spec["arch"]]
        channels = spec["width"]
        self.maxpool = spec["stem"] == "imagenet"
        self.conv1 = conv(3, channels, 7, 2) if self.maxpool else conv(3, channels, 3)
        self.bn1 = GroupedBatchNorm(channels)
        for stage, depth in enumerate(depths):
            planes = spec["width"] * 2**stage
            blocks = []
            for i in range(depth):
                blocks.append(Block(kind, channels, planes, 2 if stage > 0 and i == 0 else 1))
                channels = planes * (4 if kind == "bottleneck" else 1)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, spec["dim"]))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        if self.maxpool:
            x = F.max_pool2d(x, 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class Moco:
    """
    The training step. `how`:
      'serial'  groups one after the other, gradients summed, as each GPU of the reference computes its own
      'split'   the whole batch through each convolution, BatchNorm split, as in the reference's CIFAR-10 notebook
      'one'     one group: BatchNorm over the whole batch. Other statistics, so other numbers; PyTorch's best case
    """

    def __init__(self, spec, tensors, how, channels_last):
        self.spec = spec
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.runs = spec["groups"] if how == "serial" else 1
        self.query, self.key = (self.encoder(tensors, name, how) for name in ("encoder_q", "encoder_k"))
        self.optimizer = torch.optim.SGD(
            self.query.parameters(),
            spec["learningRate"],
            momentum=spec["sgdMomentum"],
            weight_decay=spec["weightDecay"],
        )
        self.queue = tensors["queue"].clone()
        self.pointer = 0
        self.views = [tensors[name].contiguous(memory_format=self.layout) for name in ("queries", "keys")]
        self.orders = tensors["orders"]
        self.steps = 0

    def encoder(self, tensors, name, how):
        network = ResNet(self.spec)
        begin = len(name) + 1
        values = {key[begin:]: value for key, value in tensors.items() if key.startswith(f"{name}.")}
        # Split BatchNorm counts no batches, so a checkpoint may lack the counters.
        counters = {key: value for key, value in network.state_dict().items() if key.endswith("num_batches_tracked")}
        network.load_state_dict({**values, **counters})
        for module in network.modules():
            if isinstance(module, GroupedBatchNorm) and how == "split":
                module.groups = self.spec["groups"]
        return network.to(memory_format=self.layout).train()

    def step(self):
        spec = self.spec
        batch, runs, temperature = spec["batchSize"], self.runs, spec["temperature"]
        queries, keys = self.views
        # ShuffleBN: what is drawn is the same for all peers; a step takes the next.
        order = self.orders[self.steps % len(self.orders)]
        with torch.no_grad():
            for target, source in zip(self.key.parameters(), self.query.parameters()):
                target.mul_(spec["momentum"]).add_(source, alpha=1 - spec["momentum"])
            shuffled = keys[order].contiguous(memory_format=self.layout)
            encoded = torch.empty(batch, spec["dim"])
            for run in range(runs):
                encoded[order[run::runs]] = F.normalize(self.key(rows(shuffled, run, runs)))
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for run in range(runs):
            query = F.normalize(self.query(rows(queries, run, runs)))
            positive = (query * encoded[run::runs]).sum(1, keepdim=True)
            logits = torch.cat([positive, query @ self.queue.t()], 1) / temperature
            loss = F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long), reduction="sum") / batch
            loss.backward()
            total += loss.item()
        self.optimizer.step()
        self.queue[self.pointer : self.pointer + batch] = encoded
        self.pointer = (self.pointer + batch) % spec["queueSize"]
        self.steps += 1
        return total


def rows(images, run, runs):
    """The images of a group: row n belongs to group n mod runs."""
    return images if runs == 1 else images[run::runs]


def read_safetensors(path):
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    kinds = {"F32": numpy.float32, "I64": numpy.int64}
    tensors = {}
    for name, entry in json.loads(data[8:begin]).items():
        first, last = entry["data_offsets"]
        values = numpy.frombuffer(data[begin + first : begin + last], kinds[entry["dtype"]])
        tensors[name] = torch.from_numpy(values.copy()).reshape(entry["shape"])
    return tensors


def blas():
    """The files of the BLAS in use: Debian's own is another one, and slower than OpenBLAS by far, unless that is installed."""
    torch.ones(2, 2) @ torch.ones(2, 2)
    paths = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "blas" in line.lower()}
    return ", ".join(sorted(str(Path(path).resolve()) for path in paths)) or "unknown"


def describe():
    lines = [line.strip(" -") for line in torch.__config__.show().splitlines()]
    told = [line for line in lines if line.startswith(("GCC", "Intel", "OpenMP", "CPU capability"))]
    return {
        "PyTorch": torch.__version__,
        "Python": sys.version.split()[0],
        "built with": "; ".join(told),
        "BLAS": blas(),
        "threads": torch.get_num_threads(),
    }


CASES = [
    (name, how, channels_last, statistics)
    for name, how, statistics in [
        ("groups one by one", "serial", "groups"),
        ("split BatchNorm", "split", "groups"),
        ("one group", "one", "batch"),
    ]
    for channels_last in (False, True)
]


def main():
    folder = Path(sys.argv[1])
    spec = json.loads((folder / "spec.json").read_text())
    torch.set_num_threads(spec["threads"])
    tensors = read_safetensors(folder / "initial.safetensors")
    cases = {
        f"{name}, {'channels last' if last else 'channels first'}": (how, last, name, statistics)
        for name, how, last, statistics in CASES
    }
    say(
        ready=True,
        cases=[{"name": name, "family": family, "statistics": kind} for name, (_, _, family, kind) in cases.items()],
        parameters=sum(parameter.numel() for parameter in ResNet(spec).parameters()),
        versions=describe(),
    )
    made = {}
    for line in sys.stdin:
        command = json.loads(line)
        name = command["case"]
        if command.get("drop"):
            made.pop(name, None)
            continue
        if name not in made:
            how, last, _, _ = cases[name]
            made[name] = Moco(spec, tensors, how, last)
        seconds, losses = [], []
        for _ in range(command["steps"]):
            begun = time.perf_counter()
            losses.append(made[name].step())
            seconds.append(time.perf_counter() - begun)
        say(seconds=seconds, losses=losses)


main()
