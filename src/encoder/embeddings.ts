/** backbone: what the average pool gives; head: what the projection head makes of it. */
export type FeatureKind = 'backbone' | 'head';

/** What the inference form of an encoder gives, in this thread's memory. */
export interface Embeddings {
  /** [n, dim], not normalized. */
  readonly embedding: Float32Array;
  /** [n, featureDim]: the backbone after global average pooling. */
  readonly features: Float32Array;
}
