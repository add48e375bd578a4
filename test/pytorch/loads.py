"""Loads what was exported: a run of MoCo by weights_only, its encoder by strict=True, and a pickle as Detectron2's loader reads it."""
import json
import pickle
import sys

sys.argv, files = [sys.argv[0]], sys.argv[1:]
import torch

source = open(__file__.replace("loads.py", "reference.py")).read().replace("\nmain()\n", "\n")
exec(compile(source, "reference.py", "exec"))
SPEC = {"block": "basic", "layers": [1, 1, 1, 1], "planes": [4, 8, 16, 32], "stem": "cifar", "dim": 8, "mlp": True}
SPEC.update(queue=32, lr=0.03, weightDecay=1e-4)

moco = torch.load(files[0], weights_only=True)
model, optimizer = build(SPEC)
model.load_state_dict({name[len("module.") :]: value for name, value in moco["state_dict"].items()}, strict=True)
optimizer.load_state_dict(moco["optimizer"])
encoder = Encoder(SPEC)
encoder.load_state_dict(torch.load(files[1], weights_only=True), strict=True)
strict = all(torch.equal(a, b) for a, b in zip(encoder.state_dict().values(), model.encoder_q.state_dict().values()))
detection = pickle.load(open(files[2], "rb"), encoding="latin1")
assert (torch.from_numpy(detection["model"]["res4.0.shortcut.weight"]) == encoder.layer3[0].downsample[0].weight).all()
print(json.dumps({
    "epoch": moco["epoch"],
    "pointer": int(moco["state_dict"]["module.queue_ptr"]),
    "strict": strict,
    "detectron2": detection["__author__"],
    "names": len(detection["model"]),
}))
