/** How long a GPU takes for what is submitted: by its own clock where it has timestamp queries, else as the host waits for it. */
export interface GpuTimer {
  /** Milliseconds of what `submit` submits, once all that came before is through. */
  time(submit: () => void): Promise<number>;
  dispose(): void;
}

/** Nothing else may be submitted to the device while something is timed. */
export function gpuTimer(device: GPUDevice): GpuTimer {
  return device.features.has('timestamp-query') ? byTimestamps(device) : byWaiting(device);
}

function byWaiting({ queue }: GPUDevice): GpuTimer {
  return {
    async time(submit) {
      await queue.onSubmittedWorkDone();
      const start = performance.now();
      submit();
      await queue.onSubmittedWorkDone();
      return performance.now() - start;
    },
    dispose() {},
  };
}

const BYTES = 16;

function byTimestamps(device: GPUDevice): GpuTimer {
  const { queue } = device;
  const waiting = byWaiting(device);
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
  const { COPY_SRC, COPY_DST, QUERY_RESOLVE, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer({ size: BYTES, usage: QUERY_RESOLVE | COPY_SRC });
  const read = device.createBuffer({ size: BYTES, usage: COPY_DST | MAP_READ });
  /** Passes without dispatches, before and behind what is timed. */
  const mark = (
    writes: Omit<GPUComputePassTimestampWrites, 'querySet'>,
    then = (_: GPUCommandEncoder) => {},
  ) => {
    const encoder = device.createCommandEncoder();
    encoder.beginComputePass({ timestampWrites: { querySet, ...writes } }).end();
    then(encoder);
    queue.submit([encoder.finish()]);
  };
  return {
    async time(submit) {
      const waited = await waiting.time(() => {
        mark({ endOfPassWriteIndex: 0 });
        submit();
        mark({ beginningOfPassWriteIndex: 1 }, (encoder) => {
          encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
          encoder.copyBufferToBuffer(resolved, 0, read, 0, BYTES);
        });
      });
      await read.mapAsync(MAP_READ_MODE);
      const [begin = 0n, end = 0n] = new BigUint64Array(read.getMappedRange());
      const measured = Number(end - begin) / 1e6;
      read.unmap();
      // A browser may round its timestamps to more than this took.
      return measured > 0 ? measured : waited;
    },
    dispose() {
      for (const each of [querySet, resolved, read]) each.destroy();
    },
  };
}

/** GPUMapMode.READ */
const MAP_READ_MODE = 1;
