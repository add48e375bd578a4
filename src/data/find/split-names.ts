/** What people call the folders of a data set's splits. */

const ENDING = '([-_ ]?(set|data|dataset|split|images?|imgs?))?[-_ ]?\\d*';
const TRAIN = new RegExp(`^(train|training|trn)${ENDING}$`, 'i');
/** Those by which encoders are judged, the usual one first: a test split often has no labels. */
const TEST = ['val|valid|validation', 'test|testing|tst', 'eval|evaluation|dev'].map(
  (words) => new RegExp(`^(${words})${ENDING}$`, 'i'),
);

export interface SplitFolders {
  readonly train: string;
  /** In the order in which they are taken for the test split. */
  readonly test: readonly string[];
}

/** Which of these folders are splits; null without one to learn from. */
export function splitFolders(folders: readonly string[]): SplitFolders | null {
  const [train] = folders.filter((name) => TRAIN.test(name)).sort(shortestFirst);
  if (train === undefined) return null;
  return {
    train,
    test: TEST.flatMap((words) => folders.filter((name) => words.test(name)).sort(shortestFirst)),
  };
}

const shortestFirst = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : 1);
