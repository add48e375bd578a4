/** What an ablation is: rows that differ in a few settings, and what the papers report of them. */

/** The size of all runs of a table, which is not that of the papers. */
export interface Scale {
  readonly batchSize: number;
  readonly groups: number;
  /** Null: the presets' own. */
  readonly epochs: number | null;
}

export interface Row {
  /** Part of the names of its run directories. */
  readonly id: string;
  readonly title: string;
  /** Of the run: settings of other methods are not given to it. */
  readonly method: 'moco' | 'simclr' | 'supervised';
  /** Options of `pretrain` on top of the scale's; later ones win. */
  options(scale: Scale): readonly string[];
  readonly paper: PaperRow | null;
}

/** As it was reported, of ResNet-50 on ImageNet. */
export interface PaperRow {
  /** Percent: linear classification, of the supervised row its own top-1. */
  readonly top1?: number;
  readonly gigabytes?: number;
  readonly hours?: number;
  /** Batch and length. */
  readonly setting: string;
}

export interface Table {
  readonly name: string;
  readonly title: string;
  readonly says: string;
  /** What is measured: how good encoders become, or what training takes. */
  readonly measures: 'accuracy' | 'cost';
  readonly rows: readonly Row[];
}
