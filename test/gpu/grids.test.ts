/**
 * Dispatches of two dimensions, of the kernels that only a bank of two million rows, or no batch that the host takes at
 * once, or anyone trains with, would give more than 65,535 workgroups; the suite has cases for the others. Here the grid is 2 × 2.
 */
import { expect, it } from 'vitest';
import { dot } from '../../src/conformance/references/topk.ts';
import { batchNorm } from '../../src/kernels/batch-norm.ts';
import { batchNormBackward } from '../../src/kernels/batch-norm-backward.ts';
import { convInputGradient } from '../../src/kernels/conv-input-gradient.ts';
import { convWeightGradient } from '../../src/kernels/conv-weight-gradient.ts';
import { convolution } from '../../src/kernels/convolution.ts';
import { crossEntropy } from '../../src/kernels/cross-entropy.ts';
import { infonce } from '../../src/kernels/infonce.ts';
import { ntxent } from '../../src/kernels/ntxent.ts';
import { type Dispatch, f32 } from '../../src/kernels/shader.ts';
import { topk } from '../../src/kernels/topk.ts';
import { BindGroups } from '../../src/kernels/webgpu/bind-groups.ts';
import { WebGpuCommands } from '../../src/kernels/webgpu/commands.ts';
import { DeviceWatch } from '../../src/kernels/webgpu/device-watch.ts';
import { createPipelines } from '../../src/kernels/webgpu/pipelines.ts';
import { chooseVariant } from '../../src/kernels/webgpu/variants.ts';
import { expectClose } from '../compare.ts';
import { onWebGpu } from '../kernels/backends.ts';
import { generator, unitRows, upload } from '../kernels/inputs.ts';

onWebGpu(({ kernels }, { device }) => {
  const watch = new DeviceWatch(device);
  const made = createPipelines(device, {}, chooseVariant(device, {}));
  const groups = new BindGroups(device);
  const run = async (dispatch: Dispatch) => new WebGpuCommands(watch, await made, groups).run([dispatch]);
  const at = (array: ReturnType<typeof upload>) => kernels.buffer(array);
  const zeros = (length: number) => upload(kernels, new Float32Array(length));

  const [similaritiesShader, selectShader] = topk.shaders;
  it('topk-similarities', async () => {
    // Four tiles of 64 rows, the last of them short.
    const [q, m, dim] = [2, 200, 5];
    const random = generator(1);
    const [queries, bank, similarities] = [unitRows(q, dim, random), unitRows(m, dim, random), zeros(q * m)];
    const buffers = [at(upload(kernels, queries)), at(upload(kernels, bank)), at(similarities)];
    const parameters = [q, m, dim, 0, q, 4];
    await run({ shader: similaritiesShader!, parameters, buffers, workgroups: [2, 2, 1] });
    const want = Array.from({ length: q * m }, (_, i) => dot(queries, Math.floor(i / m), bank, i % m, dim));
    expectClose('similarities', await kernels.read(similarities), want, 1e-6);
  });

  it('topk-select', async () => {
    // Rows of three, and what lies between them.
    const similarities = upload(kernels, [1, 2, 3, 99, 6, 5, 4, 99, 7, 9, 8, 99]);
    const [indices, values] = [zeros(3), zeros(3)];
    const buffers = [at(similarities), at(indices), at(values)];
    await run({ shader: selectShader!, parameters: [3, 3, 1, 0], buffers, workgroups: [2, 2] });
    expect([...(await kernels.read(values))]).toEqual([3, 6, 9]);
    expect([...new Uint32Array((await kernels.read(indices)).buffer)]).toEqual([2, 0, 1]);
  });

  it('infonce-combine', async () => {
    // One split each: m = 0, S = n + 1, no rank, nothing bad; V = 0 and k = 1.
    const state = upload(
      kernels,
      [0, 1, 2].flatMap((n) => [0, n + 1, 0, 0]),
    );
    const [weighted, key, loss, dQuery, rank] = [
      zeros(3),
      upload(kernels, [1, 1, 1]),
      zeros(3),
      zeros(3),
      zeros(3),
    ];
    const buffers = [state, weighted, key, loss, dQuery, rank].map(at);
    await run({ shader: infonce.shaders[1]!, parameters: [3, 1, 1, 0, f32(1)], buffers, workgroups: [2, 2] });
    expectClose('loss', await kernels.read(loss), [1, 2, 3].map(Math.log1p), 1e-6);
    expectClose('dQuery', await kernels.read(dQuery), [-1 / 2, -2 / 3, -3 / 4], 1e-6);
  });

  it('ntxent-loss', async () => {
    const rows = 1000;
    // One split each: m = 0, S = n + 1, no rank, and a similarity of 2 to the positive.
    const state = upload(kernels, Array.from({ length: rows }, (_, n) => [0, n + 1, 0, 2]).flat());
    const [loss, rank, lse, miss] = [zeros(rows), zeros(rows), zeros(rows), zeros(rows)];
    const buffers = [state, loss, rank, lse, miss].map(at);
    await run({ shader: ntxent.shaders[1]!, parameters: [rows, 1, f32(10)], buffers, workgroups: [2, 2] });
    const losses = Array.from({ length: rows }, (_, n) => Math.log1p(n + 1));
    expectClose('loss', await kernels.read(loss), losses, 1e-5);
    expectClose(
      'lse',
      await kernels.read(lse),
      losses.map((value) => 20 + value),
      1e-5,
    );
    expectClose(
      'miss',
      await kernels.read(miss),
      losses.map((_, n) => (n + 1) / (n + 2)),
      1e-6,
    );
  });

  it('ntxent-gradient', async () => {
    // Two splits of 500 rows of one column: V = n and 1; z = n, and nothing missed but 1 by the first row.
    const rows = 1000;
    const weighted = upload(kernels, Array.from({ length: rows }, (_, n) => [n, 1]).flat());
    const z = upload(
      kernels,
      Array.from({ length: rows }, (_, n) => n),
    );
    const [miss, dz] = [zeros(rows), zeros(rows)];
    kernels.write(miss, Float32Array.of(1));
    const buffers = [weighted, z, miss, dz].map(at);
    const parameters = [rows, 0, rows, 1, 2, f32(3)];
    await run({ shader: ntxent.shaders[3]!, parameters, buffers, workgroups: [2, 2] });
    const want = Float32Array.from({ length: rows }, (_, n) => 3 * (n + 1));
    want[0]! -= 3 * 500;
    expectClose('dz', await kernels.read(dz), want, 0);
  });

  it('conv-input-gradient', async () => {
    // 1 × 1, 1000 images of one pixel.
    const dy = upload(
      kernels,
      Float32Array.from({ length: 1000 }, (_, i) => i),
    );
    const [weight, dx] = [upload(kernels, [2]), zeros(1000)];
    const parameters = [1000, ...Array(10).fill(1), 0, 0, 1, 1, 1];
    const buffers = [dy, weight, dx].map(at);
    await run({ shader: convInputGradient.shaders[0]!, parameters, buffers, workgroups: [2, 2] });
    const want = Float32Array.from({ length: 1000 }, (_, i) => 2 * i);
    expectClose('dx', await kernels.read(dx), want, 0);
  });

  it('conv-weight-gradient', async () => {
    // Depthwise, 1 × 1, one image of one pixel: a product for each of three channels, a workgroup each.
    const [dy, x, sums] = [upload(kernels, [1, 2, 3]), upload(kernels, [10, 100, 1000]), zeros(3)];
    const buffers = [dy, x, sums].map(at);
    const [batch, channels, side, filters, one, groups, none] = [1, 3, 1, 3, 1, 3, 0];
    const parameters = [
      batch,
      channels,
      side,
      side,
      filters,
      ...Array(6).fill(one),
      none,
      none,
      one,
      one,
      groups,
      1,
    ];
    const shader = convWeightGradient.shaders[2]!;
    await run({ shader, parameters, buffers, workgroups: [2, 2] });
    expect([...(await kernels.read(sums))]).toEqual([10, 200, 3000]);
  });

  it('conv-weight-gradient-sums', async () => {
    // Two slices of 1000.
    const sums = upload(
      kernels,
      Float32Array.from({ length: 2000 }, (_, i) => i),
    );
    const gradient = upload(kernels, new Float32Array(1000).fill(1));
    const buffers = [sums, gradient].map(at);
    await run({
      shader: convWeightGradient.shaders.at(-1)!,
      parameters: [1000, 2, 1],
      buffers,
      workgroups: [2, 2],
    });
    const want = Float32Array.from({ length: 1000 }, (_, i) => 2 * i + 1001);
    expectClose('gradient', await kernels.read(gradient), want, 0);
  });

  it('convolution', async () => {
    // 1 × 1, 1000 images of one pixel.
    const x = upload(
      kernels,
      Float32Array.from({ length: 1000 }, (_, i) => i),
    );
    const [weight, y] = [upload(kernels, [2]), zeros(1000)];
    const parameters = [1000, ...Array(10).fill(1), 0, 0, 1, 1, 1];
    const buffers = [x, weight, y].map(at);
    await run({ shader: convolution.shaders[0]!, parameters, buffers, workgroups: [2, 2] });
    const want = Float32Array.from({ length: 1000 }, (_, i) => 2 * i);
    expectClose('y', await kernels.read(y), want, 0);
  });

  const count = Float32Array.from({ length: 1000 }, (_, n) => n);
  const [statistics, normalize] = batchNorm.shaders;
  const [sums, gradient] = batchNormBackward.shaders;
  const each = (...values: number[]) => values.map((value) => upload(kernels, [value]));

  it('batch-norm-statistics', async () => {
    // Channels of two values each, n and n + 2.
    const x = upload(kernels, [0, 1, 2, 2, 3, 4]);
    const [mean, variance, residual] = [zeros(3), zeros(3), zeros(3)];
    const buffers = [x, mean, variance, residual].map(at);
    await run({ shader: statistics!, parameters: [2, 3, 1], buffers, workgroups: [2, 2] });
    expect([...(await kernels.read(mean))]).toEqual([1, 2, 3]);
    expect([...(await kernels.read(variance))]).toEqual([1, 1, 1]);
  });

  it('batch-norm', async () => {
    // One channel of 1000 values: (n − 2)·3 + 1, of a deviation of 1.
    const x = upload(kernels, count);
    const [y, numbers] = [zeros(1000), each(3, 1, 2, 0.75, 0)];
    const buffers = [x, ...numbers, y].map(at);
    await run({ shader: normalize!, parameters: [1000, 1, 1, f32(0.25)], buffers, workgroups: [2, 2] });
    const want = count.map((n) => (n - 2) * 3 + 1);
    expectClose('y', await kernels.read(y), want, 1e-3);
  });

  it('batch-norm-sums', async () => {
    // As above, with a deviation of 1, and dy = 1 of the first image alone.
    const [dy, x] = [upload(kernels, [1, 1, 1, 0, 0, 0]), upload(kernels, [0, 1, 2, 2, 3, 4])];
    const [mean, variance, residual] = [
      upload(kernels, [1, 2, 3]),
      upload(kernels, [0.5, 0.5, 0.5]),
      zeros(3),
    ];
    const [dGamma, dBeta, factors] = [zeros(3), zeros(3), zeros(6)];
    const buffers = [dy, x, mean, variance, residual, dGamma, dBeta, factors].map(at);
    await run({ shader: sums!, parameters: [2, 3, 1, f32(0.5)], buffers, workgroups: [2, 2] });
    expect([...(await kernels.read(dBeta))]).toEqual([1, 1, 1]);
    expectClose('dGamma', await kernels.read(dGamma), [-1, -1, -1], 1e-6);
    expectClose('factors', await kernels.read(factors), [0.5, -0.5, 0.5, -0.5, 0.5, -0.5], 1e-6);
  });

  it('batch-norm-backward', async () => {
    // One channel of 1000 values: (n − 5 − (1 − 2)·3)·7, of a deviation of 1.
    const [dy, x] = [upload(kernels, count), upload(kernels, new Float32Array(1000).fill(1))];
    const [dx, numbers, factors] = [zeros(1000), each(7, 2, 0.75), upload(kernels, [5, 3])];
    const buffers = [dy, x, ...numbers, factors, dx].map(at);
    await run({ shader: gradient!, parameters: [1000, 1, 1, f32(0.25)], buffers, workgroups: [2, 2] });
    const want = count.map((n) => (n - 5 + 3) * 7);
    expectClose('dx', await kernels.read(dx), want, 4e-3);
  });

  it('cross-entropy', async () => {
    // Logits 0 and n, of which n is the label: loss = ln(1 + exp(−n)).
    const logits = upload(kernels, [0, 0, 0, 1, 0, 2]);
    const [loss, rank, dLogits] = [zeros(3), zeros(3), zeros(6)];
    const labels = upload(kernels, new Float32Array(Uint32Array.of(1, 1, 1).buffer));
    const buffers = [logits, labels, loss, rank, dLogits].map(at);
    await run({ shader: crossEntropy.shaders[0]!, parameters: [3, 2, f32(1)], buffers, workgroups: [2, 2] });
    const miss = [0, 1, 2].map((n) => 1 / (1 + Math.exp(n)));
    expectClose(
      'loss',
      await kernels.read(loss),
      miss.map((p) => -Math.log1p(-p)),
      1e-6,
    );
    expectClose(
      'dLogits',
      await kernels.read(dLogits),
      miss.flatMap((p) => [p, -p]),
      1e-6,
    );
  });
});
