/** Counts what goes between host and GPU on a device, and the buffers that live on it, whoever makes them. */

export interface Read {
  readonly bytes: number;
  done: boolean;
}

export class Traffic {
  /** mapAsync for reading, in order. */
  readonly reads: Read[] = [];
  /** Bytes copied into buffers that can be mapped for reading. */
  stagedBytes = 0;
  /** writeBuffer, bytes of each call, in order. */
  readonly writes: number[] = [];
  dispatches = 0;
  /** Buffers of ours that were made. */
  made = 0;
  /** Buffers that nobody has destroyed, those of onnxruntime-web and ours. */
  readonly live = { onnxruntime: new Set<GPUBuffer>(), ours: new Set<GPUBuffer>() };

  #held: Promise<void> = Promise.resolve();

  /** To be called before anything else is done with the device. */
  constructor(device: GPUDevice) {
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => this.#watchBuffer(createBuffer(descriptor));
    const createCommandEncoder = device.createCommandEncoder.bind(device);
    device.createCommandEncoder = (descriptor) => this.#watchEncoder(createCommandEncoder(descriptor));
    const { queue } = device;
    const writeBuffer = queue.writeBuffer.bind(queue);
    queue.writeBuffer = (buffer: GPUBuffer, offset: number, data, from = 0, size?: number) => {
      // Offsets and sizes count elements of a typed array, bytes of anything else.
      const unit = (ArrayBuffer.isView(data) && (data as Partial<Uint8Array>).BYTES_PER_ELEMENT) || 1;
      this.writes.push(size === undefined ? data.byteLength - from * unit : size * unit);
      writeBuffer(buffer, offset, data, from, size);
    };
  }

  /** Starts counting anew; what is alive stays alive. */
  reset(): void {
    this.reads.length = 0;
    this.writes.length = 0;
    this.stagedBytes = 0;
    this.dispatches = 0;
    this.made = 0;
  }

  /** Reads begun from now on end, well or not, only when the function that this gives is called. */
  holdReads(): () => void {
    let release = () => {};
    this.#held = new Promise((done) => {
      release = done;
    });
    return release;
  }

  #watchBuffer(buffer: GPUBuffer): GPUBuffer {
    const owner = new Error().stack?.includes('onnxruntime') ? this.live.onnxruntime : this.live.ours;
    owner.add(buffer);
    if (owner === this.live.ours) this.made++;
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      owner.delete(buffer);
      destroy();
      return undefined;
    };
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = async (mode, offset = 0, size = buffer.size - offset) => {
      const read = { bytes: size, done: false };
      if (mode === GPUMapMode.READ) this.reads.push(read);
      const held = this.#held;
      await mapAsync(mode, offset, size).finally(() => held);
      read.done = true;
      return undefined;
    };
    return buffer;
  }

  #watchEncoder(encoder: GPUCommandEncoder): GPUCommandEncoder {
    const copy = encoder.copyBufferToBuffer.bind(encoder) as (...all: unknown[]) => undefined;
    const watched = (...all: unknown[]): undefined => {
      // (source, target, size?) or (source, sourceOffset, target, targetOffset, size)
      const target = all.find((value, i) => i > 0 && typeof value === 'object') as GPUBuffer;
      if (target.usage & GPUBufferUsage.MAP_READ) this.stagedBytes += Number(all.at(-1));
      return copy(...all);
    };
    encoder.copyBufferToBuffer = watched as GPUCommandEncoder['copyBufferToBuffer'];
    const beginComputePass = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (descriptor) => {
      const pass = beginComputePass(descriptor);
      const dispatch = pass.dispatchWorkgroups.bind(pass);
      pass.dispatchWorkgroups = (...size) => {
        this.dispatches++;
        return dispatch(...size);
      };
      return pass;
    };
    return encoder;
  }
}

/** Watches the devices that a task makes for itself, until `stop`; they come in order. */
export function watchDevices(): { readonly made: { device: GPUDevice; traffic: Traffic }[]; stop(): void } {
  const prototype = (globalThis as unknown as { GPUAdapter: { prototype: GPUAdapter } }).GPUAdapter.prototype;
  const { requestDevice } = prototype;
  const made: { device: GPUDevice; traffic: Traffic }[] = [];
  prototype.requestDevice = async function (this: GPUAdapter, descriptor) {
    const device = await requestDevice.call(this, descriptor);
    made.push({ device, traffic: new Traffic(device) });
    return device;
  };
  return {
    made,
    stop() {
      prototype.requestDevice = requestDevice;
    },
  };
}
