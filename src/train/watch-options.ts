/** What is shown of a run while it goes on. */
import { either, type Forms, listOf, optional, whole } from '../arguments.ts';

export interface WatchOptions {
  /** Steps from one event to the next, 1 or more; there is one where the run begins or goes on, and one at its end, too. */
  every: number;
  /** How many pairs of the step's batch are shown; by default 4, none of methods without pairs. */
  pairs?: number;
  /** Which training images are embedded: so many, spread evenly over the data, or these; by default 256. */
  sample?: number | readonly number[];
}

export const WATCH_OPTIONS: Forms<WatchOptions> = {
  every: whole(1),
  pairs: optional(whole(0)),
  sample: optional(either(whole(0), listOf(whole(0), 'whole numbers'))),
};
