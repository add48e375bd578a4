/** Golden cases of exported models: the product's importer on the .onnx files that the manifest names. */
import { differentiate } from '../autodiff/differentiate.ts';
import { lowerGraph } from '../autodiff/lower.ts';
import type { SessionPlace } from '../encoder/ort.ts';
import { runOnce, type Values } from '../encoder/run-gradient.ts';
import { MocoError } from '../errors.ts';
import type { Graph } from '../onnx/graph.ts';
import { type ImportedModel, importModel } from '../onnx/import/import-model.ts';
import type { CaseFamily, CaseRunner, GoldenCase } from './case.ts';
import { float32, floatInput } from './tensors.ts';

/** `output_eval` fits the export with BatchNorm folded and the one that keeps it, `output_train` the training export. */
const exported: CaseRunner = async (c, { place }) => {
  const model = async (kind: string) => importModel(await c.file(fileOf(c, kind)));
  const folded = await evaluate(await model('eval'), c, place, asIs);
  const kept = await evaluate(await model('eval_bn'), c, place, asIs);
  requireClose(c, folded, kept);
  const trained = await evaluate(await model('train'), c, place, withBatchStatistics);
  return new Map([
    ['output_eval', float32(folded.shape, folded.data)],
    ['output_train', float32(trained.shape, trained.data)],
  ]);
};

export const exportFamily: CaseFamily = { runners: { onnx_tiny: exported } };

type Form = (model: ImportedModel, place: SessionPlace) => Graph;

const asIs: Form = ({ graph }, { provider }) => lowerGraph(graph, provider);

const withBatchStatistics: Form = ({ graph, weights }, { provider }) =>
  differentiate(graph, { wrt: [...weights.keys()], outputs: [graph.outputs[0]!.name], provider }).forward;

async function evaluate(
  model: ImportedModel,
  c: GoldenCase,
  place: SessionPlace,
  form: Form,
): Promise<Values> {
  const inputs = new Map<string, Values>([[model.input.name, floatInput(c, 'input')]]);
  for (const [name, { shape, data }] of [...model.weights, ...model.statistics])
    inputs.set(name, { shape, data: data as Float32Array });
  const outputs = await runOnce(form(model, place), place, inputs);
  return outputs.get(model.graph.outputs[0]!.name)!;
}

/** The two exports of one network must agree, as far as folding rounds: ten times the tolerance of golden cases' outputs. */
function requireClose(c: GoldenCase, folded: Values, kept: Values): void {
  const largest = folded.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const worst = folded.data.reduce((most, x, i) => Math.max(most, Math.abs(x - kept.data[i]!)), 0);
  if (worst <= 1e-4 * largest) return;
  throw new MocoError(
    'model-invalid',
    `${c.name}: the exports with and without folded BatchNorm differ by ${worst}, of values up to ${largest}`,
  );
}

function fileOf(c: GoldenCase, kind: string): string {
  const files = c.params.onnx as Readonly<Record<string, { file?: unknown } | undefined>> | undefined;
  const file = files?.[kind]?.file;
  if (typeof file === 'string') return file;
  throw new MocoError('data-invalid', `golden case ${c.name} names no file for its ${kind} export`);
}
