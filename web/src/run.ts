/** A run of this page, as it goes: what it was given, what it has told, and how it is told to pause. */
import type { NoticeEvent, PretrainConfig, PretrainEvent, StepEvent, WatchEvent } from './moco-web.ts';

export type RunState = 'starting' | 'training' | 'paused' | 'ended' | 'failed';

export interface Run {
  readonly state: RunState;
  /** Why, where it failed. */
  readonly reason: string | null;
  readonly config: PretrainConfig;
  /** In the origin private file system: where checkpoints are ('runs/page'), and the encoder that the run began with ('runs/page-start'). */
  readonly out: string;
  readonly start: string;
  readonly totalSteps: number;
  readonly steps: readonly StepEvent[];
  /** kNN, probe, epoch events, in their order. */
  readonly measurements: readonly PretrainEvent[];
  readonly notices: readonly NoticeEvent[];
  /** The last that was shown. */
  readonly watched: WatchEvent | null;
  pause(): void;
  resume(): void;
  /** After the step under way, with a checkpoint. */
  stop(): void;
}
