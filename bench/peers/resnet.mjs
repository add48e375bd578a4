// The network of src/onnx/resnet.ts once more, over the operations that a library has.

const DEPTHS = { resnet18: ['basic', [2, 2, 2, 2]], resnet50: ['bottleneck', [3, 4, 6, 3]] };

/**
 * @param ops conv(x, weight, stride, padding), batchNorm(x, weight, bias), relu, maxPool (3×3, stride 2, padding 1), add,
 * mean (over height and width), linear(x, weight, bias), and twice(x) → [x, x] for libraries that count references
 * @param get a parameter by its name
 */
export function resnet(spec, ops, get, image) {
  const [kind, depths] = DEPTHS[spec.arch];
  const imagenet = spec.stem === 'imagenet';
  const conv = (x, name, kernel, stride) => ops.conv(x, get(`${name}.weight`), stride, (kernel - 1) / 2);
  const norm = (x, name) => ops.batchNorm(x, get(`${name}.weight`), get(`${name}.bias`));
  const linear = (x, name) => ops.linear(x, get(`${name}.weight`), get(`${name}.bias`));

  let x = ops.relu(norm(conv(image, 'conv1', imagenet ? 7 : 3, imagenet ? 2 : 1), 'bn1'));
  if (imagenet) x = ops.maxPool(x);
  let channels = spec.width;
  for (const [stage, depth] of depths.entries()) {
    const planes = spec.width * 2 ** stage;
    const outputs = kind === 'bottleneck' ? 4 * planes : planes;
    for (let i = 0; i < depth; i++) {
      const name = `layer${stage + 1}.${i}`;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const layers = kind === 'bottleneck' ? [[1], [3, stride], [1]] : [[3, stride], [3]];
      let [y, identity] = ops.twice(x);
      for (const [number, [kernel, step = 1]] of layers.entries()) {
        if (number > 0) y = ops.relu(y);
        y = norm(conv(y, `${name}.conv${number + 1}`, kernel, step), `${name}.bn${number + 1}`);
      }
      if (stride !== 1 || channels !== outputs) {
        identity = norm(conv(identity, `${name}.downsample.0`, 1, stride), `${name}.downsample.1`);
      }
      x = ops.relu(ops.add(y, identity));
      channels = outputs;
    }
  }
  return linear(ops.relu(linear(ops.mean(x), 'fc.0')), 'fc.2');
}
