/** A file of weights that an option names. */
import { MocoError } from '../errors.ts';
import { openWeights, type WeightsFile } from '../models/pytorch/weights-file.ts';
import { openSource } from '../runtime/byte-source.ts';

/** Opens it for as long as the task takes. What is wrong with the file is told with its name. */
export async function withWeights<T>(path: string, task: (file: WeightsFile) => Promise<T>): Promise<T> {
  const source = await openSource(path);
  try {
    return await task(await openWeights(source));
  } catch (error) {
    if (!(error instanceof MocoError) || error.message.includes(path)) throw error;
    throw new MocoError(error.code, `${path}: ${error.message}`, { cause: error });
  } finally {
    await source.close();
  }
}
