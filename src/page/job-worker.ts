/** Worker script: one job, kernels included, for a page that has to stay free. What it gives is asked for, through comlink. */
import { type LoadedCheckpoint, loadCheckpoint } from '../checkpoint/run-directory.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import type { EncoderJob } from '../evaluate/encoder-job.ts';
import {
  type EmbeddingRow,
  embedImages,
  type KnnOutcome,
  knnOfCheckpoint,
} from '../evaluate/evaluate-checkpoint.ts';
import { type LinearEvent, linearOfCheckpoint } from '../evaluate/linear.ts';
import type { LinearJob } from '../evaluate/linear-job.ts';
import { exportOnnx } from '../models/export-onnx.ts';
import {
  describeEncoder,
  type EncoderFacts,
  type ImportConfig,
  type ImportEncoderOptions,
  type ImportedEncoder,
  importEncoder,
} from '../models/imported-encoder.ts';
import { keepErrorCodes } from '../runtime/remote-errors.ts';
import { exposeInWorker } from '../runtime/worker.ts';
import { Embedder, type EmbedderFacts } from '../search/embedder.ts';
import type { EncoderOptions } from '../search/encoder-options.ts';
import type { PostableSource } from '../search/encoder-source.ts';
import type { PostableImage } from '../search/image-input.ts';
import type { IndexOptions, NewIndexOptions } from '../search/index-options.ts';
import type { PostableIndex } from '../search/index-source.ts';
import type { JoinedRows } from '../search/rows-input.ts';
import { type DuplicatePair, type IndexFacts, type Match, VectorIndex } from '../search/vector-index.ts';
import type { DataFacts } from '../settings/resolve.ts';
import type { ConfigOverrides, ResumeOptions } from '../settings/settings.ts';
import type { PretrainEvent } from '../train/events.ts';
import { type ExportedWeights, exportWeights } from '../train/export-weights.ts';
import type { InitialWeights } from '../train/init-weights.ts';
import { PauseSwitch } from '../train/pause.ts';
import { pretrain } from '../train/pretrain.ts';
import type { PretrainOptions } from '../train/pretrain-options.ts';
import type { WeightFormat } from '../train/weight-formats.ts';
import {
  beginFromWeights,
  type ImportedCheckpoint,
  importCheckpoint,
  type WeightsInput,
} from '../train/weights-files.ts';
import { givenAway, type Parcel, PieceReceiver } from './parcel.ts';

/** What can be posted; the rest is told by calls. */
export type PostedOptions = Omit<PretrainOptions, 'signal' | 'pause'>;

export interface ExportJob {
  readonly checkpoint: LoadedCheckpoint;
  readonly features: FeatureKind;
}

export interface ImportJob {
  readonly bytes: Uint8Array;
  readonly config: ImportConfig;
  readonly options: ImportEncoderOptions;
}

export interface ImportCheckpointJob {
  readonly from: WeightsInput;
  readonly out: string;
  readonly given: ResumeOptions;
}

export interface BeginJob {
  readonly from: WeightsInput;
  readonly preset: string;
  readonly overrides: ConfigOverrides;
  readonly data: DataFacts;
}

export interface ExportWeightsJob {
  readonly checkpoint: LoadedCheckpoint;
  readonly format: WeightFormat;
}

export interface OpenEncoder {
  readonly source: PostableSource;
  readonly options: EncoderOptions;
}

export interface OpenIndex {
  readonly rows: JoinedRows;
  readonly options: NewIndexOptions;
}

export interface LoadIndex {
  readonly source: PostableIndex;
  readonly options: IndexOptions;
}

/** A message costs as much as some rows; of thousands the page would be kept waiting. */
const ROWS_A_MESSAGE = 64;

export class JobWorker {
  readonly #stop = new AbortController();
  readonly #pause = new PauseSwitch();
  readonly #pieces = new PieceReceiver();
  #events: AsyncGenerator<PretrainEvent> | null = null;
  #rows: AsyncGenerator<EmbeddingRow> | null = null;
  #linear: AsyncGenerator<LinearEvent> | null = null;
  #embedder: Embedder | null = null;
  #index: VectorIndex | null = null;

  /** A piece of what the job is about, which is given before the job. */
  add(...piece: Parameters<PieceReceiver['add']>): void {
    this.#pieces.add(...piece);
  }

  pretrain(parcel: Parcel<PostedOptions>): void {
    const options = this.#pieces.unpack(parcel);
    this.#events = pretrain({ ...options, signal: this.#stop.signal, pause: this.#pause });
  }

  /** The next event; none at the end. The run waits until it is asked, as in a loop over `pretrain`. */
  nextEvents(): Promise<PretrainEvent[]> {
    return take(this.#events, 1);
  }

  /** May be told before the job. */
  stop(): void {
    this.#stop.abort();
  }

  /** May be told before the job. */
  setPaused(paused: boolean): void {
    if (paused) this.#pause.pause();
    else this.#pause.resume();
  }

  embedImages(parcel: Parcel<EncoderJob>): void {
    this.#rows = embedImages(this.#pieces.unpack(parcel));
  }

  /** The next rows; none at the end. */
  nextRows(): Promise<EmbeddingRow[]> {
    return take(this.#rows, ROWS_A_MESSAGE);
  }

  knn(parcel: Parcel<EncoderJob>, k: number, t: number): Promise<KnnOutcome> {
    return knnOfCheckpoint(this.#pieces.unpack(parcel), k, t);
  }

  linear(parcel: Parcel<LinearJob>): void {
    this.#linear = linearOfCheckpoint(this.#pieces.unpack(parcel));
  }

  /** The next event; none at the end. */
  nextLinear(): Promise<LinearEvent[]> {
    return take(this.#linear, 1);
  }

  async loadCheckpoint(parcel: Parcel<string>): Promise<LoadedCheckpoint> {
    return givenAway(await loadCheckpoint(this.#pieces.unpack(parcel)));
  }

  exportOnnx(parcel: Parcel<ExportJob>): Uint8Array {
    const { checkpoint, features } = this.#pieces.unpack(parcel);
    return givenAway(exportOnnx(checkpoint, features));
  }

  importEncoder(parcel: Parcel<ImportJob>): ImportedEncoder {
    const { bytes, config, options } = this.#pieces.unpack(parcel);
    return givenAway(importEncoder(bytes, config, options));
  }

  importCheckpoint(parcel: Parcel<ImportCheckpointJob>): Promise<ImportedCheckpoint> {
    const { from, out, given } = this.#pieces.unpack(parcel);
    return importCheckpoint(from, out, given);
  }

  async beginFromWeights(parcel: Parcel<BeginJob>): Promise<InitialWeights> {
    const { from, preset, overrides, data } = this.#pieces.unpack(parcel);
    return givenAway(await beginFromWeights(from, preset, overrides, data));
  }

  exportWeights(parcel: Parcel<ExportWeightsJob>): ExportedWeights {
    const { checkpoint, format } = this.#pieces.unpack(parcel);
    return givenAway(exportWeights(checkpoint, format));
  }

  describeEncoder(parcel: Parcel<Uint8Array>): EncoderFacts {
    return describeEncoder(this.#pieces.unpack(parcel));
  }

  async openEncoder(parcel: Parcel<OpenEncoder>): Promise<EmbedderFacts> {
    const { source, options } = this.#pieces.unpack(parcel);
    this.#embedder = await Embedder.open(source, options);
    return this.#embedder.facts;
  }

  async embed(images: readonly PostableImage[]): Promise<Float32Array[]> {
    return givenAway(await given(this.#embedder).embed(images));
  }

  async openIndex(parcel: Parcel<OpenIndex>): Promise<IndexFacts> {
    const { rows, options } = this.#pieces.unpack(parcel);
    this.#index = await VectorIndex.from(rows, options);
    return this.#index.facts;
  }

  async loadIndex(parcel: Parcel<LoadIndex>): Promise<IndexFacts> {
    const { source, options } = this.#pieces.unpack(parcel);
    this.#index = await VectorIndex.load(source, options);
    return this.#index.facts;
  }

  search(query: Float32Array, k: number): Promise<Match[]> {
    return given(this.#index).search(query, k);
  }

  duplicates(threshold: number): Promise<DuplicatePair[]> {
    return given(this.#index).duplicates(threshold);
  }

  saveIndex(path: string): Promise<void> {
    return given(this.#index).save(path);
  }

  async indexBytes(): Promise<Uint8Array<ArrayBuffer>> {
    return givenAway(await given(this.#index).bytes());
  }

  /** Lets the encoder, or the index, go, and the workers of either. */
  async close(): Promise<void> {
    await this.#embedder?.dispose();
    await this.#index?.dispose();
  }
}

function given<Value>(value: Value | null): Value {
  if (value === null) throw new MocoError('usage', 'job worker: it was asked before it was given a job');
  return value;
}

/** The next `count` values, or as many as there are. */
async function take<Value>(values: AsyncGenerator<Value> | null, count: number): Promise<Value[]> {
  const source = given(values);
  const taken: Value[] = [];
  while (taken.length < count) {
    const { done, value } = await source.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

keepErrorCodes();
void exposeInWorker(new JobWorker());
