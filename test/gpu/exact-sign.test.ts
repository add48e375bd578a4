import { expect, it } from 'vitest';
import source from '../../shaders/exact-sign.wgsl';
import { onWebGpu } from '../kernels/backends.ts';
import { generator, normals, upload } from '../kernels/inputs.ts';

/** Runs fixed_product on pairs, and their sum in order, as 3 words each. */
const HARNESS = `
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read_write> words: array<u32>;
fn put(i: u32, x: Fixed) {
  words[3u * i] = x.low;
  words[3u * i + 1u] = x.middle;
  words[3u * i + 2u] = x.high;
}
@compute @workgroup_size(1)
fn main() {
  var total = Fixed(0u, 0u, 0u);
  for (var i = 0u; i < arrayLength(&a); i++) {
    let product = fixed_product(a[i], b[i]);
    put(i, product);
    total = fixed_add(total, product);
  }
  put(arrayLength(&a), total);
}`;

onWebGpu(({ kernels }) => {
  it('products and their sum are those of whole numbers in units of 2^-80, rounded to zero', async () => {
    const { device } = kernels;
    const random = generator(5);
    const count = 1024;
    // Sizes from 2^-150 (denormals) to 2.
    const values = (): Float32Array =>
      normals(count, random, 0.2).map((x) => x * (random() < 0.5 ? 1 : 2 ** Math.floor(-150 * random())));
    const [a, b] = [values(), values()];
    a.set([0, -0, 1, -1, 1.9999999, 2 ** -149]);
    b.set([1, 1, 1, 1, -1.9999999, 1]);
    const module = device.createShaderModule({ code: source + HARNESS });
    const pipeline = device.createComputePipeline({
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    });
    const words = kernels.allocate(3 * (count + 1));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    const buffers = [upload(kernels, a), upload(kernels, b), words].map((array) => kernels.buffer(array));
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(1);
    pass.end();
    device.queue.submit([encoder.finish()]);
    const bits = new Uint32Array((await kernels.read(words)).buffer);

    const whole = (x: number): bigint => BigInt(x * 2 ** 149);
    const want = Array.from(a, (x, i) => {
      const product = whole(x) * whole(b[i]!);
      return product < 0n ? -(-product >> 218n) : product >> 218n;
    });
    want.push(want.reduce((sum, x) => sum + x, 0n));
    const got = want.map((_, i) =>
      BigInt.asIntN(
        96,
        BigInt(bits[3 * i]!) | (BigInt(bits[3 * i + 1]!) << 32n) | (BigInt(bits[3 * i + 2]!) << 64n),
      ),
    );
    for (const [i, x] of want.entries()) expect(got[i], `${a[i]} · ${b[i]}`).toBe(x);
  });
});
