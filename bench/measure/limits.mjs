/**
 * What figures are held against: arithmetic in registers, GFLOP/s, and a copy from memory to memory, GB/s, both measured where they
 * are measured. The floor of a computation is the time that its fewest operations take at the one, or its fewest bytes at the
 * other, whichever is longer.
 */

/** @param amount {{ flop?: number, bytes?: number }} the fewest that it can do with */
export const floorOf = (limits, { flop = 0, bytes = 0 }) =>
  Math.max(flop / limits.gflops, bytes / limits.gigabytes) / 1e6;

const FMA = `
@group(0) @binding(0) var<storage, read_write> out: array<vec4<f32>>;
override ROUNDS: u32;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let x = vec4<f32>(f32(id.x & 7u)) * 1e-3;
  var a = x; var b = x + 1.0; var c = x + 2.0; var d = x + 3.0;
  var e = x + 4.0; var f = x + 5.0; var g = x + 6.0; var h = x + 7.0;
  for (var i = 0u; i < ROUNDS; i++) {
    a = fma(a, x, x); b = fma(b, x, x); c = fma(c, x, x); d = fma(d, x, x);
    e = fma(e, x, x); f = fma(f, x, x); g = fma(g, x, x); h = fma(h, x, x);
  }
  out[id.x] = a + b + c + d + e + f + g + h;
}`;
const COPY = `
@group(0) @binding(0) var<storage, read_write> copy: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>) {
  let i = id.x + id.y * count.x * 256u;
  copy[i] = source[i];
}`;

/**
 * Of a GPU.
 * @param clock of that device (clock.mjs)
 * @param small {boolean} for a software adapter
 */
export async function limitsOfGpu({ device, clock }, small) {
  const rounds = small ? 32 : 1024;
  const workgroups = small ? 64 : 8192;
  const flop = workgroups * 256 * rounds * 8 * 4 * 2;
  // As many as a binding takes, 256 MiB at most: a row is 256 KiB, vec4 of 256 invocations in 64 workgroups.
  const ROW = 64 * 256 * 16;
  const { maxStorageBufferBindingSize: binding, maxBufferSize: buffer } = device.limits;
  const rows = small ? 16 : Math.min(1024, Math.floor(Math.min(binding, buffer) / ROW));
  const bytes = rows * ROW;
  const usage = GPUBufferUsage.STORAGE;
  const buffers = [bytes, bytes].map((size) => device.createBuffer({ size, usage }));
  const run = (code, constants, used, [x, y]) => {
    const module = device.createShaderModule({ code });
    const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, constants } });
    const entries = used.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    return clock.time(() => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(x, y);
      pass.end();
      device.queue.submit([encoder.finish()]);
    });
  };
  const arithmetic = await run(FMA, { ROUNDS: rounds }, [buffers[0]], [workgroups, 1]);
  const memory = await run(COPY, {}, buffers, [64, rows]);
  for (const buffer of buffers) buffer.destroy();
  const best = ({ wallMs, gpuMs }) => Math.min(wallMs, gpuMs ?? wallMs);
  return { gflops: flop / best(arithmetic) / 1e6, gigabytes: (2 * bytes) / best(memory) / 1e6 };
}

/** Operations of a round of `peak` in kernels.wasm: independent 128-bit multiplications and additions. */
const PEAK_FLOP = 56;
const COPIED = 2 ** 23;

/**
 * Of one core: 128-bit arithmetic, and memory.copy of 32 MiB, counting three transfers: reading, and reading and writing the lines
 * of the target, as the kernels that update in place do.
 * @param binary {BufferSource} kernels.wasm
 * @param small {boolean} takes a tenth of the second
 */
export async function limitsOfWasm(binary, small) {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 4096, shared: true });
  const { instance } = await WebAssembly.instantiate(binary, { env: { memory } });
  const { allocate, enqueue, peak } = instance.exports;
  const length = small ? COPIED / 16 : COPIED;
  const [to, from, gate] = [length, length, 1].map((values) => allocate(4 * values) >>> 0);
  for (const [at, values, value] of [
    [from, length, 1],
    [gate, 1, 1],
  ])
    new Float32Array(memory.buffer, at, values).fill(value);
  const best = (runs, body) => {
    body();
    const times = Array.from({ length: runs }, () => {
      const start = performance.now();
      body();
      return performance.now() - start;
    });
    return Math.min(...times);
  };
  const rounds = small ? 1e6 : 4e6;
  const arithmetic = best(small ? 5 : 20, () => peak(rounds, 1));
  const copy = best(small ? 5 : 15, () => enqueue(to, from, 0, length, length, 1, gate));
  return { gflops: (PEAK_FLOP * rounds) / arithmetic / 1e6, gigabytes: (12 * length) / copy / 1e6 };
}
