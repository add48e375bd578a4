export interface Ending {
  code: number | null;
  signal: string | null;
  timedOut: boolean;
  seconds: number;
  stdout: string;
  stderr: string;
}

export interface Answer {
  ok: boolean;
  why: string | null;
  result: unknown;
  tries?: { batch: number; groups: number; repeat: number; ok: boolean; why: string | null }[];
}

export interface Part {
  says: string;
}

export const PARTS: Readonly<Record<string, Part>>;

export function runPart(
  part: Part,
  given: {
    command: (args: string[], limitMs: number) => Promise<Ending>;
    small: boolean;
    doctor: unknown;
    limitMs: number;
  },
): Promise<Answer>;
