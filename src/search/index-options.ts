/** What can be said when an index is made or loaded. */
import { type Forms, listOf, oneOf, optional, text, whole } from '../arguments.ts';
import { FEATURE_KINDS, type FeatureKind } from '../encoder/embeddings.ts';
import { BACKENDS, type BackendRequest } from '../runtime/backend.ts';

export interface IndexOptions {
  /** Default wasm: the same bits everywhere; webgpu pays for duplicates among many rows. */
  readonly backend?: BackendRequest;
  /** wasm: threads of long comparisons, where memory can be shared; default 1. Changes no number. */
  readonly threads?: number;
}

export interface NewIndexOptions extends IndexOptions {
  /** What each row is called: a path, say. Matches have it. */
  readonly names?: readonly string[];
  /** The encoder that gave the rows, for whoever loads the index later: its path, say. */
  readonly encoder?: string;
  /** Which of its features. */
  readonly features?: FeatureKind;
}

export const INDEX_OPTIONS: Forms<IndexOptions> = {
  backend: optional(oneOf(BACKENDS)),
  threads: optional(whole(1, 1024)),
};
export const NEW_INDEX_OPTIONS: Forms<NewIndexOptions> = {
  ...INDEX_OPTIONS,
  names: optional(listOf({ give: 'a text', is: (name) => typeof name === 'string' }, 'texts')),
  encoder: optional(text()),
  features: optional(oneOf(FEATURE_KINDS)),
};
