/**
 * One call of onnxruntime-web's WebGPU build at a time, whichever session, encoder or device it is for. Its WebAssembly
 * waits for the GPU by Asyncify, which has one suspended stack and one promise a module: a call that begins while another
 * is suspended ends in the other's stack, also where the two are on different devices.
 */
import { MocoError } from '../errors.ts';

/** How many milliseconds a call may go on after its device is lost: most end with an error at once, some never. */
const PATIENCE = 2000;
/** An error may come before the loss that it is of. */
const UNANNOUNCED = 50;

/** Settles when the turn that was given last is through, and all before it. Never rejects. */
let last: Promise<void> = Promise.resolve();

/** The turns of what runs on one device. */
export class GpuTurns {
  #loss: MocoError | null = null;
  /** Who waits and has to be told of the loss. */
  readonly #waiting = new Set<(loss: MocoError) => void>();
  /** A call did not come back when the device was lost. */
  #isStuck = false;

  private constructor(device: GPUDevice) {
    void device.lost.then(({ message }) => {
      const why = message ? ` (${message})` : '';
      const loss = new MocoError(
        'device-lost',
        `the GPU device of this session is lost${why}: make a new one and new kernels, and resume from the last checkpoint`,
      );
      this.#loss = loss;
      for (const tell of this.#waiting) tell(loss);
    });
  }

  static readonly #ofDevice = new WeakMap<GPUDevice, GpuTurns>();

  static of(device: GPUDevice): GpuTurns {
    let turns = GpuTurns.#ofDevice.get(device);
    if (!turns) {
      turns = new GpuTurns(device);
      GpuTurns.#ofDevice.set(device, turns);
    }
    return turns;
  }

  /**
   * Runs a task when all that came before it is through. None begins on a lost device: that may stop the thread for good.
   * @throws MocoError device-lost, at once for a task that still waits; what the task throws
   */
  async take<T>(task: () => Promise<T>): Promise<T> {
    const { before, leave } = queue();
    try {
      await this.#orLost(before, 0);
      // What is settled by now has been told by then.
      await null;
      if (this.#loss) throw this.#loss;
    } catch (error) {
      // Others still wait for what came before.
      void before.then(leave);
      throw error;
    }
    try {
      return await this.#run(task);
    } catch (error) {
      if (!this.#loss) await new Promise((go) => setTimeout(go, UNANNOUNCED));
      throw this.#loss ?? error;
    } finally {
      leave();
    }
  }

  /** The same for releasing what is on the device, lost or not. Where a call is stuck in it, nothing is released. */
  async end(task: () => Promise<void>): Promise<void> {
    const { before, leave } = queue();
    await before;
    try {
      if (!this.#isStuck) await this.#run(task);
    } finally {
      leave();
    }
  }

  /** Waits for a task, but not long beyond the loss of the device. */
  async #run<T>(task: () => Promise<T>): Promise<T> {
    let isBack = false;
    const work = task().finally(() => {
      isBack = true;
    });
    try {
      return await this.#orLost(work, PATIENCE);
    } finally {
      this.#isStuck ||= !isBack;
    }
  }

  /** Not a Promise.race with the loss: that would hold on to every result for as long as the device lives. */
  #orLost<T>(work: Promise<T>, patience: number): Promise<T> {
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const tell = (loss: MocoError): void => {
        timer = setTimeout(() => reject(loss), patience);
      };
      this.#waiting.add(tell);
      if (this.#loss) tell(this.#loss);
      const settled = (): void => {
        this.#waiting.delete(tell);
        clearTimeout(timer);
      };
      work.then(resolve, reject).finally(settled);
    });
  }
}

/** A place behind all that have one. `before` settles when they are through; `leave` lets the next one go on. */
function queue(): { before: Promise<void>; leave: () => void } {
  const before = last;
  let leave = () => {};
  last = new Promise((done) => {
    leave = done;
  });
  return { before, leave };
}
