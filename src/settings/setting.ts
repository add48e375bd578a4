/** What an entry of the table of settings says. */
import type { Kind } from './kinds.ts';

export interface Setting {
  readonly kind: Kind;
  /** How messages name it; left out: its name in words ('image size'). */
  readonly said?: string;
  /** Its option on the command line; left out: it has none. */
  readonly flag?: Flag;
  /** Every preset has a value for it (of a setting with an owner: every preset of that owner). */
  readonly preset?: true;
  /**
   * Its value where neither caller nor preset gives one. A setting without `preset` and `default` is in a configuration
   * only where it was given.
   */
  readonly default?: string | number | boolean | null;
  /** Left out: everybody's. */
  readonly only?: Owner;
  /** What a resumed run may make of it; left out: nothing, it is as it was saved. 'grows': no less than was saved. */
  readonly resume?: 'grows';
  /**
   * The first format of checkpoints that holds it, and the value that runs had before there was such a setting; without
   * `absent`, of one that is there only where it was given: none.
   */
  readonly since?: { readonly format: number; readonly absent?: string | number | boolean | null };
}

export interface Flag {
  /** As commander writes it: '--width <n>'. */
  readonly name: string;
  /** {words}: the words to choose from; {default}: the default. */
  readonly help: string;
  /** Of a yes-no setting: the help of '--no-…', which says false. */
  readonly no?: string;
  /** 'run': says how long a run is, which one step has no use for; `bench` does not take it. */
  readonly shapes?: 'run';
}

/**
 * Who alone has a setting. That of other methods or optimizers is not in a configuration. `width` and `stem` are, and
 * say nothing, where the encoder comes from a file; nobody may give them there.
 */
export type Owner =
  | { readonly method: readonly string[] }
  | { readonly optimizer: readonly string[] }
  | { readonly encoder: 'built-in' | 'file' };

/** Another way to say a setting: a switch of the command line and a name in overrides, which no configuration holds. */
export interface Shorthand {
  /** The setting. */
  readonly of: string;
  readonly flag: Flag & { readonly no: string };
  /** What the switch makes of the setting, from what it would be otherwise. */
  readonly means: (on: boolean, otherwise: string) => string;
}
