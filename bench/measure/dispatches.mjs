/** The time of each kernel of ours on the GPU: every dispatch gets a pass of its own, which says when it begins and ends. */

/** WebGPU's limit. A dispatch takes two. */
const MOST_QUERIES = 4096;

/**
 * To be called before the devices that are to be timed are made. Passes that somebody else encodes, onnxruntime-web, are left alone:
 * they come with a descriptor, ours do not.
 * @param requestDevice of moco-web
 * @returns `kernels()`: what has been dispatched until now, `{ kernel, dispatches, gpuMs }`, the longest first (null without
 *   timestamp queries), and how many dispatches were not timed, as there were too many
 */
export async function timeDispatches(requestDevice) {
  const { device } = await requestDevice();
  const prototype = Object.getPrototypeOf(device);
  const hasClock = device.features.has('timestamp-query');
  device.destroy();
  const times = new Map();
  let untimed = 0;
  const reading = [];
  const { createCommandEncoder } = prototype;
  if (hasClock) {
    prototype.createCommandEncoder = function (descriptor) {
      const encoder = createCommandEncoder.call(this, descriptor);
      return timedEncoder(this, encoder);
    };
  }

  function timedEncoder(device, encoder) {
    const begin = encoder.beginComputePass.bind(encoder);
    const finish = encoder.finish.bind(encoder);
    const names = [];
    let querySet = null;
    encoder.beginComputePass = (descriptor) => {
      if (descriptor !== undefined) return begin(descriptor);
      querySet ??= device.createQuerySet({ type: 'timestamp', count: MOST_QUERIES });
      let pass = null;
      return {
        setPipeline(pipeline) {
          pass?.end();
          const [first, last] = [2 * names.length, 2 * names.length + 1];
          if (last < MOST_QUERIES) {
            names.push(pipeline.label);
            pass = begin({
              timestampWrites: { querySet, beginningOfPassWriteIndex: first, endOfPassWriteIndex: last },
            });
          } else {
            untimed++;
            pass = begin();
          }
          pass.setPipeline(pipeline);
        },
        setBindGroup: (...group) => pass.setBindGroup(...group),
        dispatchWorkgroups: (...counts) => pass.dispatchWorkgroups(...counts),
        end: () => pass?.end(),
      };
    };
    encoder.finish = () => {
      if (querySet) read(device, encoder, querySet, names);
      return finish();
    };
    return encoder;
  }

  function read(device, encoder, querySet, names) {
    const size = 16 * names.length;
    const usage = GPUBufferUsage;
    const resolved = device.createBuffer({ size, usage: usage.QUERY_RESOLVE | usage.COPY_SRC });
    const readable = device.createBuffer({ size, usage: usage.MAP_READ | usage.COPY_DST });
    encoder.resolveQuerySet(querySet, 0, 2 * names.length, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, readable, 0, size);
    // Once the commands have been submitted, which is right after.
    const done = Promise.resolve()
      .then(() => readable.mapAsync(GPUMapMode.READ))
      .then(() => {
        const stamps = new BigInt64Array(readable.getMappedRange());
        for (const [i, name] of names.entries()) add(name, Number(stamps[2 * i + 1] - stamps[2 * i]) / 1e6);
        readable.destroy();
      })
      .catch(() => {
        // The device went away first.
        untimed += names.length;
      })
      .finally(() => {
        resolved.destroy();
        querySet.destroy();
      });
    reading.push(done);
  }

  function add(kernel, ms) {
    const found = times.get(kernel) ?? { kernel, dispatches: 0, gpuMs: 0 };
    found.dispatches++;
    // A clock may run backwards.
    found.gpuMs += Math.max(0, ms);
    times.set(kernel, found);
  }

  return {
    async kernels() {
      await Promise.all(reading.splice(0));
      const found = [...times.values()].sort((a, b) => b.gpuMs - a.gpuMs);
      return { kernels: hasClock ? found : null, untimed };
    },
  };
}
