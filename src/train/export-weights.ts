/** A checkpoint in the files of other programs: what `moco-web export` writes. */
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import { MocoError } from '../errors.ts';
import { pickleNumpy } from '../formats/pytorch/numpy.ts';
import type { OrderedDict, Picklable, PickledTensor } from '../formats/pytorch/pickle.ts';
import { writePytorch } from '../formats/pytorch/write.ts';
import { type NamedTensor, writeSafetensors } from '../formats/safetensors.ts';
import { networkOf } from '../models/choose-network.ts';
import { encoderLayout } from '../models/layout.ts';
import { formatPreprocessing, preprocessingOf } from '../models/preprocessing.ts';
import { detectron2Name } from '../models/pytorch/detectron2-names.ts';
import { mocoFile } from '../models/pytorch/moco-file.ts';
import { stateDict } from '../models/pytorch/state-dict.ts';
import { learningRate } from '../optimizers/schedule.ts';
import { stepsPerEpoch } from '../settings/run-length.ts';
import type { WeightFormat } from './weight-formats.ts';

export interface ExportedWeights {
  /** The file, in pieces. They are views of the checkpoint where they can be. */
  readonly pieces: readonly Uint8Array[];
  /** What the other program will not take, or has to be told, in words. */
  readonly notes: readonly string[];
}

/** @throws MocoError config-mismatch where the format cannot hold the checkpoint, checkpoint-invalid where it lacks a tensor */
export function exportWeights(checkpoint: LoadedCheckpoint, format: WeightFormat): ExportedWeights {
  if (format === 'moco') {
    const { value, notes } = mocoFile(checkpoint, lastRate(checkpoint));
    return { pieces: saved(value), notes };
  }
  const dictionary = encoderDictionary(checkpoint);
  const head = headWords(checkpoint, dictionary);
  if (format === 'torchvision') return { pieces: saved(dictionary), notes: [head] };
  if (format === 'detectron2') {
    const renamed = new Map([...dictionary].map(([name, tensor]) => [detectron2Name(name), tensor]));
    const value = new Map<string, Picklable>([
      ['model', renamed],
      ['__author__', 'MOCO'],
      ['matching_heuristics', true],
    ]);
    return { pieces: pickleNumpy(value), notes: [] };
  }
  const { config, step } = checkpoint.state;
  const metadata = {
    preprocessing: formatPreprocessing(preprocessingOf(config)),
    encoder: config.arch,
    step: String(step),
  };
  return {
    pieces: [
      writeSafetensors(
        dictionary as ReadonlyMap<string, unknown> as ReadonlyMap<string, NamedTensor>,
        metadata,
      ),
    ],
    notes: [head],
  };
}

function saved(value: Picklable): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  writePytorch(value, (piece) => pieces.push(piece));
  return pieces;
}

/** The encoder that learns, by torchvision's names. A head that stands for none is left out. */
function encoderDictionary({ state, tensors, network }: LoadedCheckpoint): OrderedDict {
  const { config, unknown = [] } = state;
  if (!tensors.has('encoder_q.conv1.weight')) {
    throw new MocoError(
      'config-mismatch',
      `the encoder came from ${config.arch} and is no ResNet of torchvision's names: take --format onnx`,
    );
  }
  const dictionary = stateDict(
    tensors,
    'encoder_q.',
    encoderLayout(networkOf(config, network), config.imageSize),
  );
  if (unknown.includes('head'))
    for (const name of [...dictionary.keys()]) if (name.startsWith('fc.')) dictionary.delete(name);
  return dictionary;
}

function headWords({ state }: LoadedCheckpoint, dictionary: OrderedDict): string {
  const [hidden, one] = ['fc.0.weight', 'fc.weight'].map(
    (name) => (dictionary.get(name) as PickledTensor | undefined)?.shape,
  );
  const { dim } = state.config;
  if (hidden) {
    const [width] = hidden;
    return `its head is model.fc = nn.Sequential(nn.Linear(${width}, ${width}), nn.ReLU(), nn.Linear(${width}, ${dim})): with it load_state_dict(strict=True) takes the file`;
  }
  if (one)
    return `its head is model.fc = nn.Linear(${one[1]}, ${dim}), as num_classes=${dim} makes it: with it load_state_dict(strict=True) takes the file`;
  return 'it has no head: model.fc = nn.Identity(), and load_state_dict(strict=True) takes the file';
}

/** The learning rate of the last step that was taken. */
function lastRate({ state }: LoadedCheckpoint): number {
  const { config, step, sampler } = state;
  const perEpoch = Math.max(1, stepsPerEpoch(sampler.images, config.batchSize));
  return learningRate(config, { step: Math.max(0, step - 1), perEpoch });
}
