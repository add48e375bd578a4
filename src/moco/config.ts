/** Everything that determines the numbers of a run; saved in its checkpoints. */
export interface PretrainConfig {
  arch: 'resnet18' | 'resnet34' | 'resnet50';
  stem: 'imagenet' | 'cifar';
  /** Channels of the first stage (64 in the papers). */
  width: number;
  /** Side of the square views in pixels. */
  imageSize: number;
  /** C: length of the embedding. */
  dim: number;
  /** Two-layer MLP head (v2) or one linear layer (v1). */
  mlp: boolean;
  augmentation: 'v1' | 'v2' | 'cifar';
  batchSize: number;
  /** How many parts of a batch have BatchNorm statistics of their own. Divides batchSize. */
  groups: number;
  /** K: how many keys the queue holds. */
  queueSize: number;
  /** m of the momentum encoder. */
  momentum: number;
  /** τ. */
  temperature: number;
  schedule: 'cosine' | 'step';
  /** Learning rate of epoch 0, already scaled to the batch size. */
  learningRate: number;
  weightDecay: number;
  sgdMomentum: number;
  epochs: number;
  /** Ends the run early, counted over the whole run; null: after `epochs`. */
  steps: number | null;
  seed: number;
}
