import { MocoError, messageOf } from '../../errors.ts';

/**
 * Watches a device for what WebGPU reports late and elsewhere: loss, and errors that no error scope caught. The next call
 * throws it, so that nothing goes on with wrong numbers.
 */
export class DeviceWatch {
  readonly device: GPUDevice;
  #failure: MocoError | null = null;
  /** Who waits and has to be told of a loss. */
  readonly #waiting = new Set<(loss: MocoError) => void>();
  readonly #listener = (event: GPUUncapturedErrorEvent): void => {
    this.#failure ??= describe(event.error);
  };

  constructor(device: GPUDevice) {
    this.device = device;
    void device.lost.then((info) => {
      const loss = lossOf(info);
      this.#failure = loss;
      for (const tell of this.#waiting) tell(loss);
    });
    device.addEventListener('uncapturederror', this.#listener);
  }

  /** @throws MocoError device-lost, out-of-memory, gpu-failed — what the device has reported since it was made */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Waits for something of the device, but not beyond its loss. */
  async wait<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await this.#orLoss(work);
      this.check();
      return result;
    } catch (error) {
      // A loss also rejects what was under way, sometimes before it is announced.
      if (this.#failure === null) await this.#orLoss(new Promise((go) => setTimeout(go, 50))).catch(() => {});
      this.check();
      if (error instanceof MocoError) throw error;
      throw new MocoError('gpu-failed', `the GPU could not finish its work: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Not a Promise.race with the loss: that would hold on to every result for as long as the device lives. */
  #orLoss<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      work.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }

  stop(): void {
    this.device.removeEventListener('uncapturederror', this.#listener);
  }
}

function lossOf(info: GPUDeviceLostInfo): MocoError {
  const why = info.message ? ` (${info.message})` : '';
  return new MocoError(
    'device-lost',
    info.reason === 'destroyed'
      ? `the GPU device was destroyed${why}: make a new one and new kernels`
      : `the GPU device was lost${why}: a driver reset, another program, or no memory; resume from the last checkpoint`,
  );
}

function describe(error: GPUError): MocoError {
  // Dawn adds a stack of its own.
  const [message] = error.message.split('\n');
  if (error.constructor.name === 'GPUOutOfMemoryError') {
    return new MocoError(
      'out-of-memory',
      `the GPU has no memory left (${message}): lower the queue size, or take more or smaller groups`,
    );
  }
  return new MocoError('gpu-failed', `the GPU refused a command: ${error.message}`);
}
