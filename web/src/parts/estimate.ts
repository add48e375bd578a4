import { duration } from '../elements.ts';
import type { PhotosMinutes } from '../moco-web.ts';

/** How long a run takes, in the words of someone who has not made one. */
export function estimateInWords({ first, all, good }: PhotosMinutes): string {
  const [soon, end, enough] = [first, all, good].map((minutes) => duration(60 * minutes)) as [
    ...[string, string, string],
  ];
  if (enough !== end) {
    return `About ${soon} for a first result, ${end} for what that time allows. A good one takes about ${enough}: More has the minutes.`;
  }
  return soon === end ? `About ${end}.` : `About ${soon} for a first result, ${end} for a good one.`;
}
