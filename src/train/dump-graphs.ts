/**
 * The graphs that a run uses, as files to look at: any viewer of ONNX shows them. Those of wasm and WebGPU are run by any ONNX runtime;
 * native ones have operators of onnxruntime's own.
 */
import { partsOf, type TrainingPlan } from '../encoder/training-plan.ts';
import { MocoError, messageOf } from '../errors.ts';
import { openFolder } from '../runtime/files.ts';

/**
 * Writes forward.onnx, training-forward.onnx, backward-0.onnx, …, inference.onnx; weights are inputs of all of them, and of
 * …-weights.onnx, which make inputs of them (native).
 * @param folder is made where it is not there
 * @throws MocoError write-failed
 */
export async function dumpGraphs(plan: TrainingPlan, folder: string): Promise<void> {
  try {
    const store = await openFolder(folder);
    for (const [name, { model, prepare }] of partsOf(plan)) {
      await store.write(`${name}.onnx`, model.bytes);
      if (prepare) await store.write(`${name}-weights.onnx`, prepare.model.bytes);
    }
  } catch (cause) {
    throw new MocoError('write-failed', `cannot write graphs into ${folder}: ${messageOf(cause)}`, { cause });
  }
}
