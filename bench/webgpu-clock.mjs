// A GPU and its clock, for benchmarks: what is called is timed as a caller waits for it and, where the adapter has timestamp
// queries, as the GPU computes. Needs nothing but dist/.
import { createWebGpuKernels, requestDevice } from '../dist/kernels.js';

/** WebGPU's limit. A pass takes two. */
const MOST_QUERIES = 4096;
const ROUNDS = 5;
/** Milliseconds of a round: calls are repeated up to it, so that the wait at its end hardly counts. */
const ROUND_MS = 50;
const MOST_CALLS = 50;

/** @returns the device with kernels on it, a clock, and the limits that figures are to be held against */
export async function openGpu() {
  const { device, name, software, features } = await requestDevice();
  // Before the kernels are: they then encode by it.
  const clock = createClock(device);
  const kernels = await createWebGpuKernels(device);
  const noise = (length) => {
    const array = kernels.allocate(length);
    kernels.write(array, noiseOf(length));
    return array;
  };
  const close = () => {
    kernels.dispose();
    device.destroy();
  };
  return { device, kernels, noise, clock, adapter: { name, software, features }, close };
}

const noiseOf = (length) => Float32Array.from({ length }, () => Math.random() - 0.5);

/**
 * @returns `time(body)`: `wallMs` of a call, the median of rounds of calls; `gpuMs`, what the GPU computes for a call, the
 * best of three, null without timestamps (some passes may overlap: it is then more than they take together)
 */
export function createClock(device) {
  const passes = device.features.has('timestamp-query') ? timePasses(device) : null;
  const done = () => device.queue.onSubmittedWorkDone();
  async function round(body, calls) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) await body();
    await done();
    return (performance.now() - start) / calls;
  }
  async function time(body) {
    // The first compiles.
    await round(body, 1);
    const once = await round(body, 1);
    const calls = Math.max(1, Math.min(MOST_CALLS, Math.round(ROUND_MS / once)));
    const times = [];
    for (let i = 0; i < (once > 1000 ? 1 : ROUNDS); i++) times.push(await round(body, calls));
    const wallMs = times.sort((a, b) => a - b)[times.length >> 1];
    if (!passes) return { wallMs, gpuMs: null };
    const found = [];
    for (let i = 0; i < (once > 1000 ? 1 : 3); i++) found.push(await passes.record(() => round(body, 1)));
    return { wallMs, gpuMs: found.includes(null) ? null : Math.min(...found) };
  }
  return { time };
}

/** Every compute pass that anybody encodes on the device says when it begins and ends, onnxruntime-web's as well. */
function timePasses(device) {
  const querySet = device.createQuerySet({ type: 'timestamp', count: MOST_QUERIES });
  const bytes = 8 * MOST_QUERIES;
  const usage = GPUBufferUsage;
  const resolved = device.createBuffer({ size: bytes, usage: usage.QUERY_RESOLVE | usage.COPY_SRC });
  const create = device.createCommandEncoder.bind(device);
  let [used, recording, full] = [0, false, false];
  device.createCommandEncoder = (descriptor) => {
    const encoder = create(descriptor);
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (pass) => {
      full ||= recording && used + 2 > MOST_QUERIES;
      if (!recording || full) return begin(pass);
      const timestampWrites = {
        ...{ querySet, beginningOfPassWriteIndex: used, endOfPassWriteIndex: used + 1 },
      };
      used += 2;
      return begin({ ...pass, timestampWrites });
    };
    return encoder;
  };

  /** Milliseconds of all passes; null where they are too many to be counted, or the clock of the GPU ran backwards. */
  async function record(task) {
    [used, recording, full] = [0, true, false];
    await task();
    recording = false;
    if (full || used === 0) return null;
    const readable = device.createBuffer({ size: bytes, usage: usage.MAP_READ | usage.COPY_DST });
    const encoder = create();
    encoder.resolveQuerySet(querySet, 0, used, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, readable, 0, 8 * used);
    device.queue.submit([encoder.finish()]);
    await readable.mapAsync(GPUMapMode.READ);
    const stamps = new BigInt64Array(readable.getMappedRange().slice(0, 8 * used));
    readable.destroy();
    let sum = 0n;
    for (let i = 0; i < used; i += 2) sum += stamps[i + 1] - stamps[i];
    return sum > 0n ? Number(sum) / 1e6 : null;
  }
  return { record };
}

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
 * What arithmetic in registers and a copy from memory to memory reach here: GFLOP/s and GB/s.
 * @param small {boolean} for a software adapter
 */
export async function limitsOf({ device, clock }, small) {
  const rounds = small ? 32 : 1024;
  const workgroups = small ? 64 : 8192;
  const flop = workgroups * 256 * rounds * 8 * 4 * 2;
  const rows = small ? 16 : 1024;
  // vec4 of 256 invocations in 256 workgroups a row: 256 MiB of 1024 rows.
  const bytes = rows * 64 * 256 * 16;
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
