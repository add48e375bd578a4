/** The time of what is called, as a caller waits for it and, where the adapter has timestamp queries, as the GPU computes. */

/** WebGPU's limit. A pass takes two. */
const MOST_QUERIES = 4096;
const ROUNDS = 5;
/** Milliseconds of a round: calls are repeated up to it, so that the wait at its end hardly counts. */
const ROUND_MS = 50;
const MOST_CALLS = 50;
/** A call of so many milliseconds is timed once. */
const LONG_MS = 300;
/** Calls between two looks at the clock of the GPU: browsers round it to a tenth of a millisecond. */
const CALLS_A_LOOK = 20;

/**
 * @param device {GPUDevice | null} before kernels are made on it, so that they encode by this clock; null: what is called computes on
 *   this thread
 * @returns `time(body)`: `wallMs` of a call, the median of rounds of calls; `gpuMs`, what the GPU computes for a call, the
 *   best of three, null without timestamps (some passes may overlap: it is then more than they take together)
 */
export function createClock(device) {
  const passes = device?.features.has('timestamp-query') ? timePasses(device) : null;
  const done = async () => device?.queue.onSubmittedWorkDone();
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
    for (let i = 0; i < (once > LONG_MS ? 1 : ROUNDS); i++) times.push(await round(body, calls));
    const wallMs = times.sort((a, b) => a - b)[times.length >> 1];
    if (!passes) return { wallMs, gpuMs: null };
    const looks = Math.min(calls, CALLS_A_LOOK);
    const found = [];
    for (let i = 0; i < (once > LONG_MS ? 1 : 3); i++) {
      const all = await passes.record(() => round(body, looks));
      found.push(all === null ? null : all / looks);
    }
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
