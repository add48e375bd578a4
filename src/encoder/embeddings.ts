/** backbone: what the average pool gives; head: what the projection head makes of it. */
export const FEATURE_KINDS = ['backbone', 'head'] as const;
export type FeatureKind = (typeof FEATURE_KINDS)[number];

/** What the inference form of an encoder gives, in this thread's memory. */
export interface Embeddings {
  /** [n, dim], not normalized. */
  readonly embedding: Float32Array;
  /** [n, featureDim]: the backbone after global average pooling. */
  readonly features: Float32Array;
}
