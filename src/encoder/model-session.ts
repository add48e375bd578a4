/** An encoder from a file, run as it is: images in, a row for each out. */
import type { EncodedModel } from './encoded-model.ts';
import { createSession, floats, type GraphSession, type SessionPlace, tensor } from './ort.ts';

/** What is run, as plain data. */
export interface ModelPart {
  readonly model: EncodedModel;
  /** Takes [n, 3, size, size]. */
  readonly input: string;
  /** Gives [n, …]; what belongs to an image is one row. */
  readonly output: string;
  readonly imageSize: number;
  /** How many images a run takes, where the file says so; null: any number. */
  readonly batch: number | null;
}

export class ModelSession {
  readonly #part: ModelPart;
  readonly #place: SessionPlace;
  readonly #session: GraphSession;

  private constructor(part: ModelPart, place: SessionPlace, session: GraphSession) {
    this.#part = part;
    this.#place = place;
    this.#session = session;
  }

  /** @throws MocoError model-invalid where onnxruntime refuses the model */
  static async open(part: ModelPart, place: SessionPlace): Promise<ModelSession> {
    return new ModelSession(part, place, await createSession(part.model, place));
  }

  /**
   * @param images [n, 3, size, size]
   * @returns [n, dim]
   * @throws MocoError out-of-memory, model-invalid
   */
  async run(images: Float32Array): Promise<Float32Array> {
    const { input, output, imageSize, batch } = this.#part;
    const length = 3 * imageSize * imageSize;
    const count = images.length / length;
    const rows = batch ?? count;
    const results: Float32Array[] = [];
    for (let first = 0; first < count; first += rows) {
      const some = images.subarray(first * length, (first + rows) * length);
      // A file of a fixed batch also takes blank images.
      const whole = some.length === rows * length ? some : new Float32Array(rows * length);
      if (whole !== some) whole.set(some);
      const image = await tensor(this.#place.provider, whole, [rows, 3, imageSize, imageSize]);
      const values = floats((await this.#session.run({ [input]: image }))[output]);
      const dim = values.length / rows;
      results.push(values.slice(0, Math.min(rows, count - first) * dim));
    }
    if (results.length === 1) return results[0]!;
    const all = new Float32Array(results.reduce((sum, { length: n }) => sum + n, 0));
    let at = 0;
    for (const result of results) {
      all.set(result, at);
      at += result.length;
    }
    return all;
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }
}
